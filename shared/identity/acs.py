"""Adapter to the ACS Identity API: Microsoft's SDK in, our types and problems out."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from shared.problems import (
    DEFAULT_RETRY_AFTER,
    OPERATOR_RETRY_AFTER,
    CommunicationRefused,
    CommunicationUnavailable,
    IdentityGone,
    TeamsTokenRefused,
    Throttled,
)
from shared.upstream.clients import Upstream
from shared.upstream.retries import retry_after, with_retries
from shared.upstream.settings import UpstreamSettings

logger = logging.getLogger(__name__)

# An identity that no resource ever had: asking about it proves the way there and our credential.
_NOBODY = "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Grant:
    """A user access token of ACS, a secret.

    Attributes:
        minutes: the lifetime that was asked for.
        asked_at: when the request for it was begun; the token is no older.
    """

    token: str = field(repr=False)
    expires_on: datetime
    scopes: frozenset[str]
    minutes: int
    asked_at: datetime


def identity_client(settings: UpstreamSettings, upstream: Upstream) -> CommunicationIdentityClient:
    """Microsoft's client for the ACS resource of the settings."""
    return CommunicationIdentityClient(
        settings.communication_endpoint,
        upstream.communication_credential(settings.communication_key),
        **upstream.client_options(),
    )


class IdentityApi:
    """Every method raises CommunicationUnavailable or Throttled where ACS did not do its part."""

    def __init__(
        self,
        client: CommunicationIdentityClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._now = now

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        """Create an identity together with its first token, in one request.

        A creation whose answer is lost leaves an identity that nobody knows, and ACS offers no
        idempotency key for it (api-version 2023-10-01). It is tried again all the same: an orphan
        costs nothing and gives nobody access, a failed first sign-in costs a user.

        Returns:
            The raw id, and the token.
        """
        asked_at = self._now()
        async with _errors_as_problems():
            user, token = await with_retries(
                lambda: self._client.create_user_and_token(
                    sorted(scopes), token_expires_in=timedelta(minutes=minutes)
                )
            )
        return user.properties["id"], _grant(token, scopes, minutes, asked_at)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        """A new token for an identity.

        Raises:
            IdentityGone: it was deleted, or is another resource's.
        """
        asked_at = self._now()
        user = CommunicationUserIdentifier(user_id)
        async with _errors_as_problems():
            token = await with_retries(
                lambda: self._client.get_token(
                    user, sorted(scopes), token_expires_in=timedelta(minutes=minutes)
                )
            )
        return _grant(token, scopes, minutes, asked_at)

    async def revoke_tokens(self, user_id: str) -> None:
        """End every token of an identity; ACS may need up to 15 minutes to do so everywhere.

        Raises:
            IdentityGone: it was deleted, or is another resource's; its tokens are dead.
        """
        async with _errors_as_problems():
            await with_retries(
                lambda: self._client.revoke_tokens(CommunicationUserIdentifier(user_id))
            )

    async def exchange_teams_token(
        self, token: str, app_id: str, user_id: str
    ) -> tuple[str, datetime]:
        """An ACS token for a Teams user, for as long as their Entra token lives.

        Raises:
            TeamsTokenRefused: saying which of the three ACS does not take.
        """
        async with _errors_as_problems():
            try:
                granted = await with_retries(
                    lambda: self._client.get_token_for_teams_user(token, app_id, user_id)
                )
            except HttpResponseError as error:
                reason = _teams_refusal(error)
                if reason:
                    raise TeamsTokenRefused(reason) from error
                raise
        return granted.token, _moment(granted)

    async def delete_user(self, user_id: str) -> None:
        """Delete an identity; fine where it is gone already."""
        try:
            async with _errors_as_problems():
                await with_retries(
                    lambda: self._client.delete_user(CommunicationUserIdentifier(user_id))
                )
        except IdentityGone:
            return

    async def check(self) -> None:
        """Is ACS there, and does it take our credential? Changes nothing."""
        try:
            async with _errors_as_problems():
                await self._client.revoke_tokens(CommunicationUserIdentifier(_NOBODY))
        except (IdentityGone, _Rejected):
            return  # it looked at the request, so it had taken the credential


class _Rejected(CommunicationUnavailable):
    """ACS understood who is asking, and takes the request itself for wrong."""


@asynccontextmanager
async def _errors_as_problems() -> AsyncIterator[None]:
    """Turn what the SDK raises into what it means. The SDK's texts stay out of problems and logs:
    they may hold the id of a user."""
    try:
        yield
    except HttpResponseError as error:
        told = getattr(error.error, "code", None)
        code, status = str(told or "no code"), error.status_code
        # A 404 without a code is not ACS's own: a gateway does not know who exists.
        if code == "IdentityNotOwned" or (told and isinstance(error, ResourceNotFoundError)):
            raise IdentityGone from error
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            logger.warning("ACS throttles us")
            raise Throttled(retry_after=retry_after(error) or DEFAULT_RETRY_AFTER) from error
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            logger.error(
                "ACS refused our credential (%s): check COMMUNICATION_CONNECTION_STRING, or the"
                " managed identity's role 'Communication and Email Service Owner'",
                code,
            )
            raise CommunicationRefused(retry_after=OPERATOR_RETRY_AFTER) from error
        logger.warning("ACS answered %s (%s)", status, code)
        kind = (
            _Rejected
            if status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR
            else CommunicationUnavailable
        )
        raise kind(retry_after=retry_after(error)) from error
    except AzureError as error:
        logger.warning("ACS cannot be reached: %s", type(error).__name__)
        raise CommunicationUnavailable from error


def _teams_refusal(error: HttpResponseError) -> str | None:
    """What is wrong with a Teams user's token, in words for the client's developer."""
    told = error.error
    code, target = str(getattr(told, "code", "")), str(getattr(told, "target", "")).lower()
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


def _grant(token: AccessToken, scopes: frozenset[str], minutes: int, asked_at: datetime) -> Grant:
    return Grant(token.token, _moment(token), scopes, minutes, asked_at)


def _moment(token: AccessToken) -> datetime:
    # The SDK promises an int and hands over the service's text, with seven fractional digits.
    return datetime.fromisoformat(str(token.expires_on)).astimezone(UTC)
