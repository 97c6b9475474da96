"""The operations of the Identity API."""

import logging
import secrets
import time
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.identity.bodies import read_object, token_json
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.identity.tokens import TokenMint
from devstack.acs_emulator.wire.answers import (
    identity_not_found,
    identity_not_owned,
    invalid_access_token,
    json_answer,
    validation_error,
)
from devstack.acs_emulator.wire.gate import Gate
from devstack.acs_emulator.wire.identifiers import ACS_USER, TEAMS_USER
from devstack.emulation.bearer import BearerError, TrustedIssuer
from devstack.guids import is_guid

SCOPES = ("chat", "voip", "chat.join", "chat.join.limited", "voip.join")
MIN_MINUTES = 60
MAX_MINUTES = 1440  # also the default
TEAMS_SCOPES = ["chat", "voip"]  # [assumed] the scopes of a token of a Teams user

log = logging.getLogger(__name__)


class IdentityApi:
    """The operations, for requests that the gate has admitted.

    The body is checked as a whole before the identity in the path, as ASP.NET's model binding does.
    [assumed] Unknown fields are ignored.
    """

    def __init__(
        self, *, store: IdentityStore, mint: TokenMint, issuer: TrustedIssuer, resource_id: str
    ) -> None:
        self._store = store
        self._mint = mint
        self._issuer = issuer
        self._resource_id = resource_id

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        guard = gate.guard
        return [
            web.post("/identities", guard("create", self.create)),
            web.delete("/identities/{id}", guard("delete", self.delete)),
            web.post("/identities/{id}/:revokeAccessTokens", guard("revoke", self.revoke)),
            web.post("/identities/{id}/:issueAccessToken", guard("issue", self.issue)),
            web.post(
                "/teamsUser/:exchangeAccessToken", guard("exchangeTeams", self.exchange_teams)
            ),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """POST /identities"""
        body = await read_object(request)
        # Without scopes there is no token. [assumed] An empty list is the same as null.
        scopes = _read_scopes(body, "createTokenWithScopes")
        minutes = _read_minutes(body)
        identity = self._new_identity()
        answer: dict[str, JsonValue] = {"identity": {"id": identity}}
        token = self._mint.issue(identity, scopes, minutes) if scopes else None
        if token is not None:
            answer["accessToken"] = token_json(token)
        self._store.add_identity(identity, token.record if token is not None else None)
        return json_answer(HTTPStatus.CREATED, answer)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /identities/{id}"""
        # [assumed] Deleting it a second time is 404, like every other request for it.
        self._store.remove_identity(self._identity_of(request), int(time.time()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def revoke(self, request: web.Request) -> web.Response:
        """POST /identities/{id}/:revokeAccessTokens"""
        # It has effect at once, because a test cannot wait for the 15 minutes that Azure may take.
        self._store.revoke_tokens(self._identity_of(request), int(time.time()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def issue(self, request: web.Request) -> web.Response:
        """POST /identities/{id}/:issueAccessToken"""
        body = await read_object(request)
        if body.get("scopes") is None:
            raise validation_error("Scopes: The Scopes field is required.", "Scopes")
        scopes = _read_scopes(body, "scopes")
        if not scopes:
            raise validation_error("Invalid scopes - Scopes field is required.", "scopes")
        minutes = _read_minutes(body)
        token = self._mint.issue(self._identity_of(request), scopes, minutes)
        self._store.add_token(token.record)
        return json_answer(HTTPStatus.OK, token_json(token))

    async def exchange_teams(self, request: web.Request) -> web.Response:
        """POST /teamsUser/:exchangeAccessToken

        As far as the order of the checks is recorded, it is the same here: the token is verified
        before the user is. The audience of the token is not checked.
        """
        body = await read_object(request)
        app_id, user_id = body.get("appId"), body.get("userId")
        if not app_id:
            raise validation_error("AppId: The AppId field is required.", "AppId")
        teams_claims = await self._verified_teams_claims(body.get("token"))
        if app_id != teams_claims.get("appid", teams_claims.get("azp")):  # v1 and v2 of Entra
            raise validation_error("AAD application is not the expected one.", "appId")
        if not isinstance(user_id, str) or not is_guid(user_id):
            raise validation_error("Provided UserId has invalid format.", "userId")
        if user_id != teams_claims.get("oid"):
            message = "Provided AAD token issued for unexpected user."
            raise validation_error(message, "userId")
        token = self._mint.issue_for_teams(
            f"{TEAMS_USER}{user_id}",
            TEAMS_SCOPES,
            int(teams_claims["exp"]),
            teams_claims.get("tid"),
        )
        self._store.add_token(token.record)
        return json_answer(HTTPStatus.OK, token_json(token))

    async def _verified_teams_claims(self, unverified_token: JsonValue) -> dict[str, Any]:
        if not isinstance(unverified_token, str):
            raise invalid_access_token()
        try:
            return await self._issuer.claims_of(unverified_token, audiences=None)
        except BearerError as refusal:
            log.warning("exchangeTeams: %s", refusal)
            raise invalid_access_token() from refusal

    def _identity_of(self, request: web.Request) -> str:
        """The identity in the path, which exists.

        Await nothing between this check and the change that depends on it.
        """
        identity = request.match_info["id"]
        prefix = f"{ACS_USER}{self._resource_id}_"
        if not (identity.startswith(prefix) and is_guid(identity.removeprefix(prefix))):
            # [assumed] for a text that is no ACS identity at all.
            raise identity_not_owned()
        if not self._store.has_identity(identity):
            raise identity_not_found()
        return identity

    def _new_identity(self) -> str:
        # As recorded: it starts with zeros and rises with time. 48 bits of milliseconds make ids
        # rise and differ after a restart, 48 random bits make ids of one millisecond differ.
        digits = f"0000001c{time.time_ns() // 10**6:012x}{secrets.randbits(48):012x}"
        guid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        return f"{ACS_USER}{self._resource_id}_{guid}"


def _read_scopes(body: dict[str, JsonValue], field: str) -> list[str]:
    """The requested scopes, without repetitions. [assumed] is the text for an unknown scope."""
    scopes = body.get(field)
    if scopes is None:
        return []
    if not isinstance(scopes, list):
        raise validation_error("Invalid scopes - Scopes must be a list.", field)
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown:
        names = ", ".join(str(scope) for scope in unknown)
        raise validation_error(f"Invalid scopes - Unknown scopes: {names}.", field)
    return list(dict.fromkeys(str(scope) for scope in scopes))


def _read_minutes(body: dict[str, JsonValue]) -> int:
    minutes = body.get("expiresInMinutes")
    if minutes is None:
        return MAX_MINUTES
    target = "ExpiresInMinutes"
    if not isinstance(minutes, int) or isinstance(minutes, bool):  # [assumed] text
        message = "ExpiresInMinutes: The ExpiresInMinutes field must be an integer."
        raise validation_error(message, target)
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise validation_error(
            f"ExpiresInMinutes value {minutes} is invalid. Value must be within the"
            f" [{MIN_MINUTES}, {MAX_MINUTES}] interval.",
            target,
        )
    return minutes
