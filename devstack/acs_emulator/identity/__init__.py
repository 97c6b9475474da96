"""The Identity API: ACS identities, and the access tokens that are issued for them.

`server` uses `api.IdentityApi`; the calls use `store`, since an ACS user can be called only if the
identity exists.
"""
