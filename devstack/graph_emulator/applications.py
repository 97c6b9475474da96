"""Registrations of Entra, as far as a deployment makes them: applications and service principals.

Everything is [assumed], except the shapes and the refusals, which are documented.
"""

import json
import re
import uuid
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.database import Database
from devstack.graph_emulator.answers import GraphError, bad_body
from devstack.graph_emulator.gate import Gate

# The role that an app needs for registrations. An operator's own token has a scope, which the
# emulator does not know.
APPLICATIONS_READ_WRITE = "Application.ReadWrite.All"

# For counts and faults.
OPERATIONS = (
    *("findApplications", "createApplication", "getApplication", "updateApplication"),
    *("deleteApplication", "findServicePrincipals", "createServicePrincipal"),
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS applications (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL  -- JSON, as it is answered
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS service_principals (
    app_id TEXT PRIMARY KEY,
    id TEXT NOT NULL
) WITHOUT ROWID;
"""
_BY_TAG = re.compile(r"tags/any\(t:t eq '([^']+)'\)")
_BY_APP_ID = re.compile(r"appId eq '([^']+)'")
_SETTABLE = frozenset(
    (
        *("displayName", "signInAudience", "api", "appRoles", "optionalClaims", "identifierUris"),
        *("spa", "tags"),
    )
)

type _Content = dict[str, Any]


class ApplicationsApi:
    """Registrations are few: each request reads them all."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(_SCHEMA)

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        def guard(operation: str, handler: Any) -> Any:
            return gate.guard(operation, (APPLICATIONS_READ_WRITE,), handler)

        every, one = "/v1.0/applications", "/v1.0/applications/{id}"
        principals = "/v1.0/servicePrincipals"
        return [
            web.get(every, guard("findApplications", self.find), allow_head=False),
            web.post(every, guard("createApplication", self.create)),
            web.get(one, guard("getApplication", self.get), allow_head=False),
            web.patch(one, guard("updateApplication", self.update)),
            web.delete(one, guard("deleteApplication", self.delete)),
            web.get(
                principals, guard("findServicePrincipals", self.find_principals), allow_head=False
            ),
            web.post(principals, guard("createServicePrincipal", self.create_principal)),
        ]

    async def find(self, request: web.Request) -> web.Response:
        tag = _filtered(request, _BY_TAG)
        found = [one for one in self._all() if tag in one.get("tags", [])]
        return web.json_response({"value": found})

    async def create(self, request: web.Request) -> web.Response:
        content = {"id": str(uuid.uuid4()), "appId": str(uuid.uuid4())}
        changed = _changed(content, await _body(request))
        self._database.execute(
            "INSERT INTO applications (id, app_id, content) VALUES (?, ?, ?)",
            (content["id"], content["appId"], json.dumps(changed)),
        )
        return web.json_response(changed, status=HTTPStatus.CREATED)

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._get(request))

    async def update(self, request: web.Request) -> web.Response:
        body = await _body(request)
        content = _changed(self._get(request), body)
        self._database.execute(
            "UPDATE applications SET content = ? WHERE id = ?",
            (json.dumps(content), content["id"]),
        )
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def delete(self, request: web.Request) -> web.Response:
        content = self._get(request)
        with self._database.transaction():
            for statement, key in (
                ("DELETE FROM applications WHERE id = ?", "id"),
                ("DELETE FROM service_principals WHERE app_id = ?", "appId"),
            ):
                self._database.execute(statement, (content[key],))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def find_principals(self, request: web.Request) -> web.Response:
        row = self._database.execute(
            "SELECT id, app_id FROM service_principals WHERE app_id = ?",
            (_filtered(request, _BY_APP_ID),),
        ).fetchone()
        return web.json_response({"value": [{"id": row[0], "appId": row[1]}] if row else []})

    async def create_principal(self, request: web.Request) -> web.Response:
        app_id = (await _body(request)).get("appId")
        if app_id not in [one["appId"] for one in self._all()]:
            raise _refused("The appId is no application's of this tenant.")
        row = (app_id, str(uuid.uuid4()))
        made = self._database.execute(
            "INSERT OR IGNORE INTO service_principals (app_id, id) VALUES (?, ?)", row
        )
        if made.rowcount == 0:
            code = "Request_MultipleObjectsWithSameKeyValue"
            raise GraphError(HTTPStatus.CONFLICT, code, "It has a service principal.")
        return web.json_response({"id": row[1], "appId": app_id}, status=HTTPStatus.CREATED)

    def clear(self) -> None:
        self._database.execute("DELETE FROM applications")
        self._database.execute("DELETE FROM service_principals")

    def _all(self) -> list[_Content]:
        rows = self._database.execute("SELECT content FROM applications ORDER BY id")
        return [json.loads(content) for (content,) in rows]

    def _get(self, request: web.Request) -> _Content:
        for one in self._all():
            if one["id"] == request.match_info["id"]:
                return one
        raise GraphError(HTTPStatus.NOT_FOUND, "Request_ResourceNotFound", "It does not exist.")


def _changed(content: _Content, body: _Content) -> _Content:
    """What the application is after a change.

    Documented: a complex value in the request changes only the fields that it names; a role or
    permission that is enabled cannot be dropped; with the tenant's usual policy an identifier
    `api://…` has to be the application's own.
    """
    if unknown := set(body) - _SETTABLE:
        raise _refused(f"{min(unknown)} cannot be set.")
    api = {**content.get("api", {}), **body.get("api", {})}
    changed = {**content, **body, "api": api}
    for uri in changed.get("identifierUris", []):
        if uri.startswith("api://") and uri != f"api://{changed['appId']}":
            raise _refused("The identifier has to be api:// and the appId.")
    scopes = [scope["id"] for scope in api.get("oauth2PermissionScopes", [])]
    for one in api.get("preAuthorizedApplications", []):
        if not set(one["delegatedPermissionIds"]) <= set(scopes):
            raise _refused("A pre-authorized permission does not exist.")
    old, roles = content.get("appRoles", []), changed.get("appRoles", [])
    ids = [role["id"] for role in roles]
    if len({*ids}) < len(ids) or len({role["value"] for role in roles}) < len(roles):
        raise _refused("Two app roles have one id or value.")
    if any(role["isEnabled"] and role["id"] not in ids for role in old):
        code = "CannotDeleteOrUpdateEnabledEntitlement"
        raise GraphError(HTTPStatus.BAD_REQUEST, code, "A role that is enabled cannot be dropped.")
    return changed


async def _body(request: web.Request) -> _Content:
    try:
        content: JsonValue = await request.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise bad_body("Unable to read JSON request payload.")
    return cast("_Content", content)


def _filtered(request: web.Request, form: re.Pattern[str]) -> str:
    match = form.fullmatch(request.query.get("$filter", ""))
    if match is None:
        raise _refused("The $filter is none that is emulated.")
    return match.group(1)


def _refused(message: str) -> GraphError:
    return GraphError(HTTPStatus.BAD_REQUEST, "Request_BadRequest", message)
