"""Privacy: what a person may see of themselves (export), and have removed (erasure).

`personal_data.PersonalData` does both over all domains. A domain that stores something about
people offers a `personal_data.PersonalDataStore`, and joins the others in `shared.app`.
"""
