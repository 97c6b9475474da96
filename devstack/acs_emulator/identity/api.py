"""The Identity API: create, delete, revoke, issue, exchange a Teams token."""

import json
import logging
import re
import secrets
import time
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.identity.store import State
from devstack.acs_emulator.identity.tokens import IssuedToken, TokenMint
from devstack.acs_emulator.wire.answers import (
    AcsError,
    identity_not_found,
    identity_not_owned,
    invalid_access_token,
    json_answer,
    validation_error,
)
from devstack.emulation.bearer import BearerError, TrustedIssuer

SCOPES = ("chat", "voip", "chat.join", "chat.join.limited", "voip.join")
SHORTEST_MINUTES = 60
LONGEST_MINUTES = 1440  # the default, too
TEAMS_SCOPES = ["chat", "voip"]  # [assumed] what a Teams user's token may do

_GUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

log = logging.getLogger(__name__)


class IdentityApi:
    """The effects of the operations, for requests that were already admitted.

    A body is read and judged whole before the identity in the path is looked at, as ASP.NET's
    model binding does. [assumed] Fields that are not known are ignored.
    """

    def __init__(
        self, *, state: State, mint: TokenMint, issuer: TrustedIssuer, resource_id: str
    ) -> None:
        self._state = state
        self._mint = mint
        self._issuer = issuer
        self._resource_id = resource_id

    async def create(self, request: web.Request) -> web.Response:
        """POST /identities"""
        body = await _read_object(request)
        # Null or an empty list is no scope: an identity without a token. ([assumed] for the list.)
        scopes = _read_scopes(body, "createTokenWithScopes")
        minutes = _read_minutes(body)
        identity = self._new_identity()
        answer: dict[str, JsonValue] = {"identity": {"id": identity}}
        token = self._mint.issue(identity, scopes, minutes) if scopes else None
        if token is not None:
            answer["accessToken"] = _described(token)
        self._state.add_identity(identity, token.record if token is not None else None)
        return json_answer(HTTPStatus.CREATED, answer)

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /identities/{id}"""
        # [assumed] Deleting twice is 404, like every other use of what is not there.
        self._state.remove_identity(self._identity_of(request), int(time.time()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def revoke(self, request: web.Request) -> web.Response:
        """POST /identities/{id}/:revokeAccessTokens"""
        # At once, while Azure may take 15 minutes: a test cannot wait for the worst case.
        self._state.revoke_tokens(self._identity_of(request), int(time.time()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def issue(self, request: web.Request) -> web.Response:
        """POST /identities/{id}/:issueAccessToken"""
        body = await _read_object(request)
        if body.get("scopes") is None:
            raise validation_error("Scopes: The Scopes field is required.", "Scopes")
        scopes = _read_scopes(body, "scopes")
        if not scopes:
            raise validation_error("Invalid scopes - Scopes field is required.", "scopes")
        minutes = _read_minutes(body)
        token = self._mint.issue(self._identity_of(request), scopes, minutes)
        self._state.add_token(token.record)
        return json_answer(HTTPStatus.OK, _described(token))

    async def exchange_teams(self, request: web.Request) -> web.Response:
        """POST /teamsUser/:exchangeAccessToken

        The order of the checks is the recorded one as far as it is known: the token is judged
        before the user. Its audience is not checked: the stack's issuer has none for Teams.
        """
        body = await _read_object(request)
        app_id, user_id = body.get("appId"), body.get("userId")
        if not app_id:
            raise validation_error("AppId: The AppId field is required.", "AppId")
        teams_claims = await self._verified_teams_claims(body.get("token"))
        if app_id != teams_claims.get("appid", teams_claims.get("azp")):  # v1 and v2 of Entra
            raise validation_error("AAD application is not the expected one.", "appId")
        if not isinstance(user_id, str) or not re.fullmatch(_GUID, user_id):
            raise validation_error("Provided UserId has invalid format.", "userId")
        if user_id != teams_claims.get("oid"):
            message = "Provided AAD token issued for unexpected user."
            raise validation_error(message, "userId")
        token = self._mint.issue_until(f"8:orgid:{user_id}", TEAMS_SCOPES, int(teams_claims["exp"]))
        self._state.add_token(token.record)
        return json_answer(HTTPStatus.OK, _described(token))

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

        Nothing may be awaited between this and the change that it is for.
        """
        identity = request.match_info["id"]
        if not re.fullmatch(f"8:acs:{re.escape(self._resource_id)}_{_GUID}", identity):
            # [assumed] for what is no ACS identity at all.
            raise identity_not_owned()
        if not self._state.has_identity(identity):
            raise identity_not_found()
        return identity

    def _new_identity(self) -> str:
        # The recorded look: starts with zeros and rises with time. 48 bits of milliseconds, which
        # sort and never repeat after a restart, and 48 of chance for those of one millisecond.
        digits = f"0000001c{time.time_ns() // 10**6:012x}{secrets.randbits(48):012x}"
        guid = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        return f"8:acs:{self._resource_id}_{guid}"


def _described(token: IssuedToken) -> dict[str, JsonValue]:
    return {"token": token.token, "expiresOn": token.expires_on}


async def _read_object(request: web.Request) -> dict[str, JsonValue]:
    """The body. None at all is an empty object: SDKs announce JSON and send nothing.

    [assumed] throughout, but ASP.NET's usual answers: 415 for what is not called JSON, 400 for
    what is not.
    """
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        message = "The request's content type must be application/json."
        raise AcsError(415, "UnsupportedMediaType", message)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise validation_error("The request body is not valid JSON.") from None
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise validation_error("The request body must be a JSON object.")
    return body


def _read_scopes(body: dict[str, JsonValue], field: str) -> list[str]:
    """The scopes asked for, each once. [assumed] The wording for one that does not exist."""
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
        return LONGEST_MINUTES
    target = "ExpiresInMinutes"
    if not isinstance(minutes, int) or isinstance(minutes, bool):  # [assumed] wording
        message = "ExpiresInMinutes: The ExpiresInMinutes field must be an integer."
        raise validation_error(message, target)
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise validation_error(
            f"ExpiresInMinutes value {minutes} is invalid. Value must be within the"
            f" [{SHORTEST_MINUTES}, {LONGEST_MINUTES}] interval.",
            target,
        )
    return minutes
