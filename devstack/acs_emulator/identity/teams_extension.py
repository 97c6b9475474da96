"""The operations of the Identity API for Teams Phone: consent for resource accounts and agents, and
the tokens of agents.

Paths, fields and statuses of success are those of the specification, 2025-06-30 and later; it has
no PATCH. The answers to wrong requests are [assumed].
"""

import logging
import time
from http import HTTPStatus
from typing import Any, cast, get_args

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.identity.assignments import (
    USER,
    Assignment,
    AssignmentStore,
    PrincipalType,
)
from devstack.acs_emulator.identity.bodies import read_object, token_json
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.identity.tokens import TokenMint
from devstack.acs_emulator.wire.answers import (
    AcsError,
    invalid_access_token,
    json_answer,
    validation_error,
)
from devstack.acs_emulator.wire.gate import TEAMS_PHONE_PATH, Gate
from devstack.acs_emulator.wire.identifiers import TeamsExtensionUser
from devstack.emulation.bearer import BearerError, TrustedIssuer
from devstack.emulation.front_door import Handler
from devstack.guids import is_guid
from devstack.issuer.audiences import TEAMS_AUDIENCE

# For counts and faults.
TEAMS_PHONE_OPERATIONS = (
    "putAssignment",
    "getAssignment",
    "deleteAssignment",
    "exchangeTeamsExtension",
)

ASSIGNMENT = TEAMS_PHONE_PATH + "tenants/{tenant}/assignments/{object}"
EXCHANGE = TEAMS_PHONE_PATH + ":exchangeAccessToken"

# Documented: what a client asks Entra for is this scope of this audience.
AGENT_SCOPE = "TeamsExtension.ManageCalls"
AGENT_TOKEN_SCOPES = ["voip"]  # [assumed] the scopes of an agent's token

log = logging.getLogger(__name__)


class TeamsExtensionApi:
    def __init__(
        self,
        *,
        assignments: AssignmentStore,
        identities: IdentityStore,
        mint: TokenMint,
        issuer: TrustedIssuer,
        resource_id: str,
    ) -> None:
        self._assignments = assignments
        self._identities = identities
        self._mint = mint
        self._issuer = issuer
        self._resource_id = resource_id

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        exchange = gate.guard_client("exchangeTeamsExtension", self.exchange)
        return [
            web.put(ASSIGNMENT, gate.guard("putAssignment", self.put)),
            web.get(ASSIGNMENT, gate.guard("getAssignment", self.get), allow_head=False),
            web.delete(ASSIGNMENT, gate.guard("deleteAssignment", self.delete)),
            web.post(EXCHANGE, _for_any_page(exchange)),
            web.options(EXCHANGE, _preflight),
        ]

    async def put(self, request: web.Request) -> web.Response:
        """PUT .../assignments/{objectId}"""
        body = await read_object(request)
        tenant_id, object_id = _ids_of(request)
        principal_type, client_ids = body.get("principalType"), body.get("clientIds")
        if principal_type not in get_args(PrincipalType):
            raise validation_error("PrincipalType has an invalid value.", "principalType")
        assignment = Assignment(
            tenant_id=tenant_id,
            object_id=object_id,
            principal_type=cast("PrincipalType", principal_type),
            client_ids=_read_client_ids(client_ids),
        )
        is_new = self._assignments.put(assignment)
        return json_answer(HTTPStatus.CREATED if is_new else HTTPStatus.OK, assignment.as_json())

    async def get(self, request: web.Request) -> web.Response:
        """GET .../assignments/{objectId}"""
        assignment = self._assignments.find(*_ids_of(request))
        if assignment is None:
            raise AcsError(HTTPStatus.NOT_FOUND, "NotFound", "There is no such assignment.")
        return json_answer(HTTPStatus.OK, assignment.as_json())

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE .../assignments/{objectId}

        [assumed] The answer is the same if there is none, and the tokens of an agent end at once.
        """
        tenant_id, object_id = _ids_of(request)
        self._assignments.remove(tenant_id, object_id)
        agent = TeamsExtensionUser(self._resource_id, tenant_id, object_id)
        self._identities.revoke_tokens(agent.raw_id, int(time.time()))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def exchange(self, request: web.Request) -> web.Response:
        """POST /access/teamsExtension/:exchangeAccessToken, with a token of Entra as the bearer

        [assumed] The new token ends with that of Entra, as that of a Teams user does.
        """
        await read_object(request)  # {}
        claims = await self._verified_claims(request)
        tenant_id, object_id = str(claims.get("tid")).lower(), str(claims.get("oid")).lower()
        app_id = str(claims.get("appid", claims.get("azp"))).lower()  # v1 and v2 of Entra
        assignment = self._assignments.find(tenant_id, object_id)
        if (
            assignment is None
            or assignment.principal_type != USER
            or app_id not in (assignment.client_ids or ())
        ):
            log.warning("exchangeTeamsExtension: no assignment of the user names the app")
            message = "The user has no assignment for this application."
            raise AcsError(HTTPStatus.FORBIDDEN, "Forbidden", message)
        agent = TeamsExtensionUser(self._resource_id, tenant_id, object_id).raw_id
        token = self._mint.issue_for_teams(agent, AGENT_TOKEN_SCOPES, int(claims["exp"]), tenant_id)
        self._identities.add_token(token.record)
        answer: dict[str, JsonValue] = {"identity": {"id": agent}}
        answer["accessToken"] = token_json(token)
        return json_answer(HTTPStatus.OK, answer)

    async def _verified_claims(self, request: web.Request) -> dict[str, Any]:
        scheme, _, unverified_token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise BearerError("there is none")
            claims = await self._issuer.claims_of(
                unverified_token.strip(), audiences=[TEAMS_AUDIENCE]
            )
            if AGENT_SCOPE not in str(claims.get("scp")).split():
                raise BearerError(f"its scopes are without {AGENT_SCOPE}")
        except BearerError as refusal:
            log.warning("exchangeTeamsExtension: %s", refusal)
            raise invalid_access_token() from refusal
        return claims


def _ids_of(request: web.Request) -> tuple[str, str]:
    """Tenant and object id, in lower case."""
    ids = []
    for name in ("tenant", "object"):
        given = request.match_info[name]
        if not is_guid(given):
            raise validation_error(f"{name.title()}Id is no GUID.", f"{name}Id")
        ids.append(given.lower())
    return ids[0], ids[1]


def _read_client_ids(given: JsonValue) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise validation_error("ClientIds must be a list.", "clientIds")
    client_ids = [each.lower() for each in given if isinstance(each, str) and is_guid(each)]
    if len(client_ids) != len(given):
        raise validation_error("ClientIds must be GUIDs.", "clientIds")
    return tuple(client_ids)


def _for_any_page(handler: Handler) -> Handler:
    """Let pages of every origin read the answer: they send a token, and no cookie. Clients do this
    exchange in browsers, so Azure has to allow that; [assumed] are the headers.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return answer


async def _preflight(request: web.Request) -> web.Response:
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(
        status=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": wanted,
            "Access-Control-Max-Age": "3600",
            "Vary": "Access-Control-Request-Headers",
        },
    )
