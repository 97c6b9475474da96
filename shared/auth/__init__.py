"""Authentication: who is calling, and did a service really send the callback that we got?

`authenticator.Authenticator` turns the headers of a request into a `Caller`, by a bearer token of
a configured OIDC issuer or by Easy Auth. `webhooks` verifies the callbacks of ACS and Event Grid.
`issuer_keys.IssuerKeys` fetches an issuer's public keys, `roles` names the app roles, and
`settings` reads the issuers.
"""
