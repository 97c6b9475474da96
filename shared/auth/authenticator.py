"""Finds out who is calling: from a bearer token of a configured issuer, or from Easy Auth."""

from collections.abc import Mapping

from shared.auth import easy_auth
from shared.auth.bearer import BearerTokens
from shared.auth.claims import refusal
from shared.auth.issuer_keys import KeySource
from shared.auth.settings import Issuer
from shared.principals import Caller


class Authenticator:
    """Turns the headers of a request into a Caller, or refuses the request."""

    def __init__(
        self, issuers: Mapping[str, Issuer], keys: Mapping[str, KeySource], *, easy_auth: bool
    ) -> None:
        """
        Args:
            issuers: by issuer URL.
            keys: by issuer URL, one for each issuer.
            easy_auth: whether the principal in the header is trusted; `AuthSettings` says when.
        """
        self._issuers = issuers
        self._bearer_tokens = BearerTokens(issuers, keys)
        self._trusts_platform = easy_auth

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller.

        Raises:
            Unauthenticated: no credential is valid; the challenge says what is wrong, for a
                developer.
            KeysUnavailable: the issuer's keys could not be fetched, so the token is not verified.
        """
        authorization = headers.get("authorization")
        principal = headers.get(easy_auth.HEADER) if self._trusts_platform else None
        if authorization is None and principal is None:
            raise refusal("Send Authorization: Bearer <token>.", error="")
        callers = []
        if authorization is not None:
            callers.append(await self._bearer_tokens.authenticate(authorization))
        if principal is not None:
            callers.append(easy_auth.platform_caller(principal, self._issuers))
        if any(caller.principal != callers[0].principal for caller in callers[1:]):
            raise refusal("The bearer token and the platform's principal are two different people.")
        return callers[0]
