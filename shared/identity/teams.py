"""Exchanges a Teams user's Entra token for an ACS token, so that they call as themselves."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import jwt

from shared import audit
from shared.auth.bearer import MAX_TOKEN_LENGTH
from shared.bounds import TEAMS_TOKENS
from shared.identity.contract import TEAMS_USER_HEADER
from shared.limits import Budget
from shared.principals import Caller
from shared.problems import Fault, Forbidden, InvalidRequest, NotConfigured, TeamsTokenRefused


class TeamsExchange(Protocol):
    """The part of `shared.identity.acs` that is used here."""

    async def exchange_teams_token(
        self, token: str, app_id: str, user_id: str
    ) -> tuple[str, datetime]: ...


class Admission(Protocol):
    """The part of `shared.identity.identities` that is used here."""

    async def admit(self, caller: Caller) -> None: ...


class Teams:
    """The exchange for one Entra app: the client that Teams users sign in with."""

    def __init__(
        self,
        acs: TeamsExchange,
        identities: Admission,
        app_id: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._acs = acs
        self._identities = identities
        self._app_id = app_id
        self._exchanges = Budget(TEAMS_TOKENS.number, now)

    async def exchange(self, caller: Caller, teams_token: str | None) -> tuple[str, datetime]:
        """The ACS token and when it expires.

        ACS verifies the Entra token. Here only the user's object id is read from it, because ACS
        wants it as a parameter.

        Raises:
            NotConfigured: TEAMS_APP_ID is not set.
            InvalidRequest, TeamsTokenRefused: the token is missing, or ACS refuses it.
            Forbidden: the token belongs to a person who is not the caller.
            Throttled: too many exchanges of one caller.
        """
        await self._identities.admit(caller)
        if not self._app_id:
            raise NotConfigured("TEAMS_APP_ID is not set.")
        if not teams_token:
            name = TEAMS_USER_HEADER.name
            fault = Fault("header", name, "holds the Entra token of the Teams user")
            raise InvalidRequest(f"The header {name} is missing.", faults=[fault])
        user_id = _unverified_object_id(teams_token)
        if caller.entra_object_id is not None and user_id != caller.entra_object_id:
            raise Forbidden("The Teams token is another person's than the bearer token.")
        self._exchanges.spend(caller.principal)
        granted = await self._acs.exchange_teams_token(teams_token, self._app_id, user_id)
        audit.record("teams-token-exchanged", caller.principal, caller.principal)
        return granted


def _unverified_object_id(token: str) -> str:
    if len(token) <= MAX_TOKEN_LENGTH:
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            claims = {}
        object_id = claims.get("oid")
        if isinstance(object_id, str):
            return object_id
    raise TeamsTokenRefused("The Teams token is not an Entra access token of a user.")
