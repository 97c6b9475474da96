"""Adapter to the ACS Identity API: our types and problems out.

Requests for tokens are frequent, so this module sends them itself; all others go through
Microsoft's SDK.
"""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from shared.problems import TeamsTokenRefused
from shared.unavailable import CommunicationUnavailable, IdentityGone
from shared.upstream.clients import Upstream
from shared.upstream.errors import is_rejected, problem_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.services import ACS
from shared.upstream.settings import UpstreamSettings
from shared.upstream.signing import AccessKey
from shared.upstream.wire import Answer, Wire

if TYPE_CHECKING:  # they cost 35 ms, and few requests need them
    from azure.communication.identity import CommunicationUserIdentifier
    from azure.communication.identity.aio import CommunicationIdentityClient

# What Microsoft's SDK asks for (azure-communication-identity 1.5.0).
_VERSION = "api-version=2023-10-01"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
# What Microsoft's SDK asks access tokens of ACS for, in every cloud.
_SCOPE = "https://communication.azure.com//.default"
# An identity that no resource has: ACS looks for it only after it has accepted our credential.
_UNKNOWN_USER = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"


class Grant(NamedTuple):
    """A user access token of ACS. It is a secret.

    Attributes:
        minutes: the requested lifetime.
        asked_at: when its request began; the token is not older.
    """

    token: str
    expires_on: datetime
    scopes: frozenset[str]
    minutes: int
    asked_at: datetime

    def __repr__(self) -> str:
        return "Grant(…)"


class IdentityApi:
    """The operations of the ACS Identity API that this service uses.

    Every method raises CommunicationUnavailable or Throttled if ACS does not do what it should.
    """

    def __init__(
        self,
        settings: UpstreamSettings,
        upstream: Upstream,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._now = now

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        """Create an identity together with its first token, in one request.

        If its answer is lost, the new identity is an orphan, and ACS has no idempotency key for
        this request (api-version 2023-10-01). It is still repeated: an orphan costs nothing and
        gives nobody access, but a failed first sign-in costs a user.

        Returns:
            The raw id of the identity, and the token.
        """
        asked_at = self._now()
        body = _asked_for("createTokenWithScopes", scopes, minutes)
        with _errors_as_problems():
            answer = await with_retries(lambda: self._post("/identities", body))
            return answer.read(
                lambda made: (
                    str(made["identity"]["id"]),
                    _grant(made["accessToken"], scopes, minutes, asked_at),
                )
            )

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        """A new token for an identity.

        Raises:
            IdentityGone: the identity was deleted, or belongs to another resource.
        """
        asked_at = self._now()
        path = f"/identities/{_segment(user_id)}/:issueAccessToken"
        body = _asked_for("scopes", scopes, minutes)
        with _errors_as_problems():
            answer = await with_retries(lambda: self._post(path, body))
            return answer.read(lambda token: _grant(token, scopes, minutes, asked_at))

    async def revoke_tokens(self, user_id: str) -> None:
        """Revoke every token of an identity. ACS may take up to 15 minutes until all are invalid.

        Raises:
            IdentityGone: it was deleted, or belongs to another resource; no token of it is valid.
        """
        with _errors_as_problems():
            await with_retries(lambda: self._revoke(user_id))

    async def exchange_teams_token(
        self, token: str, app_id: str, user_id: str
    ) -> tuple[str, datetime]:
        """An ACS token for a Teams user, and its expiry, which is that of their Entra token.

        Raises:
            TeamsTokenRefused: ACS refuses the token, the app or the user; it says which.
        """
        with _errors_as_problems():
            try:
                granted = await with_retries(
                    lambda: self._by_sdk(
                        lambda sdk: sdk.get_token_for_teams_user(token, app_id, user_id)
                    )
                )
            except ErrorAnswer as error:
                reason = _teams_refusal(error)
                if reason:
                    raise TeamsTokenRefused(reason) from error
                raise
        return granted.token, _expiry(granted.expires_on)

    async def delete_user(self, user_id: str) -> None:
        """Delete an identity. It is no error if there is none any more."""
        try:
            with _errors_as_problems():
                await with_retries(
                    lambda: self._by_sdk(lambda sdk: sdk.delete_user(_identifier(user_id)))
                )
        except IdentityGone:
            return

    async def check(self) -> None:
        """Check that ACS answers and accepts our credential. Changes nothing."""
        try:
            with _errors_as_problems():
                await self._revoke(_UNKNOWN_USER)
        except (IdentityGone, _Rejected):
            return  # ACS judged the request itself, so it has accepted the credential

    async def _revoke(self, user_id: str) -> None:
        await self._by_sdk(lambda sdk: sdk.revoke_tokens(_identifier(user_id)))

    async def _by_sdk[T](
        self, request: "Callable[[CommunicationIdentityClient], Awaitable[T]]"
    ) -> T:
        from shared.upstream.sdk import by_sdk

        return await by_sdk(lambda: request(self._sdk))

    async def _post(self, path: str, body: bytes) -> Answer:
        return await self._wire.send("POST", f"{path}?{_VERSION}", _HEADERS, body)

    @cached_property
    def _wire(self) -> Wire:
        endpoint, key = self._settings.communication_endpoint, self._settings.communication_key
        signer = AccessKey(endpoint, key) if key else self._upstream.token_for(_SCOPE)
        return Wire(self._upstream.session, endpoint, signer)

    @cached_property
    def _sdk(self) -> "CommunicationIdentityClient":
        from azure.communication.identity.aio import CommunicationIdentityClient

        return CommunicationIdentityClient(
            self._settings.communication_endpoint,
            self._upstream.communication_credential(self._settings.communication_key),
            **self._upstream.client_options(),
        )


@lru_cache
def _asked_for(field: str, scopes: frozenset[str], minutes: int) -> bytes:
    """The body of a request for a token. Most ask for the same."""
    body = {field: sorted(scopes), "expiresInMinutes": minutes}
    return json.dumps(body, separators=(",", ":")).encode()


def _segment(user_id: str) -> str:
    """An identity in a path, percent-encoded."""
    # `quote` is six times as fast where it has nothing to encode: ids of ACS have colons alone.
    return quote(user_id, safe=":").replace(":", "%3A")


class _Rejected(CommunicationUnavailable):
    """ACS accepted our credential, but not the request."""


@contextmanager
def _errors_as_problems() -> Iterator[None]:
    try:
        yield
    except ErrorAnswer as error:
        if _is_gone(error):
            raise IdentityGone from error
        if is_rejected(error):
            problem_of(error, ACS)  # for its line in the log
            raise _Rejected(retry_after=error.retry_after) from error
        raise problem_of(error, ACS) from error
    except RequestFailed as error:
        raise problem_of(error, ACS) from error


def _is_gone(error: ErrorAnswer) -> bool:
    """Whether ACS says that it has no such identity."""
    # A 404 without a code comes from a gateway, which does not know whether a user exists.
    is_known = error.code != "" and error.status == HTTPStatus.NOT_FOUND
    return is_known or error.code == "IdentityNotOwned"


def _teams_refusal(error: ErrorAnswer) -> str | None:
    """Why ACS refuses a Teams user's token, for the client's developer; None for other errors."""
    code, target = error.code, error.target.lower()
    if code == "InvalidAccessToken":
        return (
            "The Teams token has expired, or is not for Azure Communication Services: ask Entra for"
            " the scopes Teams.ManageCalls and Teams.ManageChats."
        )
    if code == "ValidationError" and target == "appid":
        return "The Teams token was issued to another app than TEAMS_APP_ID."
    if code == "ValidationError" and target == "userid":
        return "The Teams token's object id (oid) is not one that ACS takes."
    return None


def _identifier(user_id: str) -> "CommunicationUserIdentifier":
    from azure.communication.identity import CommunicationUserIdentifier

    return CommunicationUserIdentifier(user_id)


def _grant(
    token: Mapping[str, Any], scopes: frozenset[str], minutes: int, asked_at: datetime
) -> Grant:
    return Grant(str(token["token"]), _expiry(token["expiresOn"]), scopes, minutes, asked_at)


def _expiry(text: object) -> datetime:
    # With seven fractional digits. The SDK's type is int, but its value is the text of the answer.
    return datetime.fromisoformat(str(text)).astimezone(UTC)
