"""Whether an access token opens the calling plane."""

from dataclasses import dataclass

from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.wire.signing_key import SigningKey

CALLING_SCOPES = ("voip", "voip.join")
# Documented: voip.join joins calls, and cannot begin any.
CALL_SCOPE = "voip"


@dataclass(frozen=True, kw_only=True)
class Access:
    """The content of a token: its user, its scopes, and its expiry in seconds since 1970."""

    user: str
    scopes: tuple[str, ...]
    expires_at: int

    @property
    def may_call(self) -> bool:
        return CALL_SCOPE in self.scopes


class AccessError(Exception):
    """The token opens nothing; the message says why, in few words."""


class AccessTokens:
    """Checks the tokens that the Identity API issued."""

    def __init__(self, store: IdentityStore, key: SigningKey) -> None:
        self._store = store
        self._key = key

    def access_of(self, unverified_token: str) -> Access:
        """The content of a token that opens the plane.

        Raises:
            AccessError: it is not of this resource, or expired, or revoked, or not for calls.
        """
        claims = self._key.claims_of(unverified_token)
        if claims is None:
            raise AccessError("The token is wrong or has expired.")
        if not self._store.is_active(claims["jti"]):
            raise AccessError("The token was revoked.")
        scopes = tuple(str(claims["acsScope"]).split(","))
        if not any(scope in CALLING_SCOPES for scope in scopes):
            raise AccessError("The token has no scope for calls.")
        return Access(user=f"8:{claims['skypeid']}", scopes=scopes, expires_at=claims["exp"])
