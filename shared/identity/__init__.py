"""Identities: which principal has which ACS identity, and the user access tokens that it gets.

`identities.Identities` keeps the mapping of principals to identities, and `rows` is what the table
`identities` stores. `tokens.Tokens` issues and revokes tokens, `bots.Bots` registers bots, and
`teams.Teams` exchanges the tokens of Teams users. `erasure.IdentityErasure` is the part of
`shared.privacy` that belongs to this table. `acs.IdentityApi` is the adapter to ACS; `contract`
holds the bodies and the answers.
"""
