"""The Entra registration of the service: the audience of its tokens, its scope and its app roles.

It is described in infra/entra-app.json. A tag names its azd environment: if the answer to a run was
lost, the next run finds the registration by it. Things that people have added by hand are kept.
"""

import json
from pathlib import Path
from typing import Any

from infra.hooks.rest import HookError, Rest, Shape, checked

APPLICATIONS = "/v1.0/applications"
SERVICE_PRINCIPALS = "/v1.0/servicePrincipals"

_DESCRIPTION = Path(__file__).parents[1] / "entra-app.json"
# Entra shows a new registration to all its parts within seconds, seldom within a minute.
_REPLICATION_TRIES = 8

# As far as it is read here.
_REGISTRATION: Shape = {
    "id": str,
    "appId": str,
    "identifierUris?": [str],
    "appRoles?": [{"id": str, "value?": str}],
    "api?": {
        "oauth2PermissionScopes?": [{"id": str, "value?": str}],
        "preAuthorizedApplications?": [{"appId": str}],
    },
    "spa?": {"redirectUris?": [str]},
}


def description() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_DESCRIPTION.read_text("utf-8"))
    return read


def tag_of(environment: str) -> str:
    return f"trusted-service:{environment}"


async def register(graph: Rest, environment: str) -> tuple[str, str]:
    """Create the registration of an azd environment, or bring it up to date.

    Returns:
        Its object id, and its client id.

    Raises:
        HookError: Graph refuses, or there are two registrations for the environment.
    """
    wanted = description()
    found = await find(graph, environment)
    if found is None:
        named = {"displayName": f"Trusted service ({environment})", "tags": [tag_of(environment)]}
        _, made = await graph.ask("POST", APPLICATIONS, {**wanted, **named})
        found = checked(made, _REGISTRATION, "the new registration")
    object_id, client_id = found["id"], found["appId"]
    api = _with_scopes(found.get("api") or {}, wanted["api"])
    first = {
        **wanted,
        "api": api,
        "appRoles": _merged(found.get("appRoles") or [], wanted["appRoles"]),
    }
    await graph.ask("PATCH", f"{APPLICATIONS}/{object_id}", first)
    # On its own, because both name the client id or the scope, which have to be there first; and
    # because a tenant may allow no other identifier than this.
    uris = dict.fromkeys([*(found.get("identifierUris") or []), f"api://{client_id}"])
    scopes = [scope["id"] for scope in wanted["api"]["oauth2PermissionScopes"]]
    others = [
        one for one in api.get("preAuthorizedApplications") or [] if one["appId"] != client_id
    ]
    page = {"appId": client_id, "delegatedPermissionIds": scopes}
    second = {
        "identifierUris": [*uris],
        "api": {**api, "preAuthorizedApplications": [*others, page]},
    }
    await graph.ask("PATCH", f"{APPLICATIONS}/{object_id}", second)
    await _make_service_principal(graph, client_id)
    return object_id, client_id


async def find(graph: Rest, environment: str) -> dict[str, Any] | None:
    """The registration of an azd environment.

    Raises:
        HookError: there are several.
    """
    query = {"$filter": f"tags/any(t:t eq '{tag_of(environment)}')"}
    _, content = await graph.ask("GET", APPLICATIONS, query=query)
    answer = checked(content, {"value": [_REGISTRATION]}, "the answer with the registrations")
    found: list[dict[str, Any]] = answer["value"]
    if len(found) > 1:
        ids = ", ".join(str(one["appId"]) for one in found)
        raise HookError(f"several registrations are for {environment}: {ids}; delete all but one")
    return found[0] if found else None


async def add_redirect(graph: Rest, environment: str, address: str) -> bool:
    """Let the page at `address` sign people in; False if the registration is not ours."""
    found = await find(graph, environment)
    if found is None:
        return False
    spa = found.get("spa") or {}
    addresses = spa.get("redirectUris") or []
    if address not in addresses:
        changed = {"spa": {**spa, "redirectUris": [*addresses, address]}}
        await graph.ask("PATCH", f"{APPLICATIONS}/{found['id']}", changed)
    return True


async def unregister(graph: Rest, environment: str) -> bool:
    """Delete the registration, if it was made for this environment. Entra keeps it for 30 days, in
    which an administrator can restore it."""
    found = await find(graph, environment)
    if found is None:
        return False
    gone = frozenset((404,))
    await graph.ask("DELETE", f"{APPLICATIONS}/{found['id']}", also=gone)
    return True


async def _make_service_principal(graph: Rest, client_id: str) -> None:
    query = {"$filter": f"appId eq '{client_id}'"}
    for number in range(_REPLICATION_TRIES):
        _, content = await graph.ask("GET", SERVICE_PRINCIPALS, query=query)
        if checked(content, {"value": [dict]}, "the answer with service principals")["value"]:
            return
        if number:
            await graph.pause(2.0**number)
        # 400 and 404: the registration is not known everywhere yet. 409: another run was first.
        refused = frozenset((400, 404, 409))
        status, _ = await graph.ask("POST", SERVICE_PRINCIPALS, {"appId": client_id}, also=refused)
        if status not in refused:
            return
    raise HookError("the registration has no service principal yet: run azd provision again")


def _with_scopes(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    scopes = _merged(found.get("oauth2PermissionScopes") or [], wanted["oauth2PermissionScopes"])
    return {**found, **wanted, "oauth2PermissionScopes": scopes}


def _merged(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is wanted, and what somebody has added: Entra refuses to drop what is enabled."""
    ids, values = {one["id"] for one in wanted}, {one["value"] for one in wanted}
    return [*wanted, *(o for o in found if o["id"] not in ids and o.get("value") not in values)]
