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
    Throttled,
)
from shared.upstream import retry_after, with_retries

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
        async with _problems_told():
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
        async with _problems_told():
            token = await with_retries(
                lambda: self._client.get_token(
                    user, sorted(scopes), token_expires_in=timedelta(minutes=minutes)
                )
            )
        return _grant(token, scopes, minutes, asked_at)

    async def delete_user(self, user_id: str) -> None:
        """Delete an identity; fine where it is gone already."""
        try:
            async with _problems_told():
                await with_retries(
                    lambda: self._client.delete_user(CommunicationUserIdentifier(user_id))
                )
        except IdentityGone:
            return

    async def check(self) -> None:
        """Is ACS there, and does it take our credential? Changes nothing."""
        try:
            async with _problems_told():
                await self._client.revoke_tokens(CommunicationUserIdentifier(_NOBODY))
        except (IdentityGone, _Rejected):
            return  # it looked at the request, so it had taken the credential


class _Rejected(CommunicationUnavailable):
    """ACS understood who is asking, and takes the request itself for wrong."""


@asynccontextmanager
async def _problems_told() -> AsyncIterator[None]:
    """Turn what the SDK raises into what it means. The SDK's texts stay out of problems and logs:
    they may hold the id of a user."""
    try:
        yield
    except HttpResponseError as error:
        code = str(getattr(error.error, "code", None) or "no code")
        status = error.status_code
        if isinstance(error, ResourceNotFoundError) or code == "IdentityNotOwned":
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


def _grant(token: AccessToken, scopes: frozenset[str], minutes: int, asked_at: datetime) -> Grant:
    # The SDK promises an int and hands over the service's text, with seven fractional digits.
    expires_on = datetime.fromisoformat(str(token.expires_on)).astimezone(UTC)
    return Grant(token.token, expires_on, scopes, minutes, asked_at)
