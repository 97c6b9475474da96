"""The OpenID Connect issuer of the stack, and every token that is signed with its key.

`python -m devstack.issuer` runs it. Others may use `tokens` (the key, and signing with it),
`sign_ins` (what a person, an app or a Teams user holds after signing in), `claims` (what the
running issuer has of a user), `managed_identity` (the tokens of the identity that the app has in
Azure) and `users` (the test users).
"""
