"""Identifiers of people and apps: raw ids such as `4:+14255550100`, and their JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from devstack.guids import is_guid

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
PHONE = "4:"
ACS_USER = "8:acs:"
TEAMS_USER = "8:orgid:"
TEAMS_APP = "28:orgid:"
PUBLIC_CLOUD = "public"


class IdentifierError(ValueError):
    """It is not a valid identifier; the message says why."""


@dataclass(frozen=True)
class TeamsExtensionUser:
    """An agent: a Teams user who may use a resource for the calls of Teams Phone. All are GUIDs."""

    resource_id: str
    tenant_id: str
    object_id: str

    @property
    def raw_id(self) -> str:
        return f"{ACS_USER}{self.resource_id}_{self.tenant_id}_{self.object_id}"


def raw_id_of(given: object) -> str:
    """The raw id of an identifier that a client sent, with or without `kind` and `rawId`.

    The object of a kind decides, and `rawId` only without it: the service makes raw ids itself.

    Raises:
        IdentifierError: it is no identifier, or of a kind that cannot be called.
    """
    match given:
        case {"communicationUser": {"id": str(user)}} if user.startswith("8:"):
            return user
        case {"phoneNumber": {"value": str(number)}}:
            return PHONE + checked_number(number)
        case {"microsoftTeamsUser": {"userId": str(user)}} if user:
            return TEAMS_USER + user
        case {"microsoftTeamsApp": {"appId": str(app)}} if app:
            return TEAMS_APP + app
        case {"teamsExtensionUser": dict(agent)}:
            return _agent_raw_id(agent)
        case {"rawId": str(raw_id)}:
            return checked_raw_id(raw_id)
    raise IdentifierError(
        "is no communicationUser, phoneNumber, microsoftTeamsUser or -App, or teamsExtensionUser"
    )


def _agent_raw_id(agent: Mapping[object, object]) -> str:
    parts = [agent.get(name) for name in ("resourceId", "tenantId", "userId")]
    guids = [part.lower() for part in parts if isinstance(part, str) and is_guid(part)]
    if len(guids) != len(parts):
        raise IdentifierError("has no GUIDs as userId, tenantId and resourceId")
    # Microsoft's client for Python writes it in capitals.
    if str(agent.get("cloud", PUBLIC_CLOUD)).lower() != PUBLIC_CLOUD:
        raise IdentifierError("is not in the public cloud")
    return TeamsExtensionUser(*guids).raw_id


def agent_of(raw_id: str) -> TeamsExtensionUser | None:
    """The agent whose raw id it is, as Microsoft's clients tell it from an ACS user: by its three
    parts. None: it is nobody's of the public cloud.
    """
    if not raw_id.startswith(ACS_USER):
        return None
    match raw_id.removeprefix(ACS_USER).split("_"):
        case [resource, tenant, user] if all(map(is_guid, (resource, tenant, user))):
            return TeamsExtensionUser(resource, tenant, user)
    return None


def checked_raw_id(raw_id: str) -> str:
    """The raw id itself.

    Raises:
        IdentifierError: it is of no kind that can be called.
    """
    if raw_id.startswith(PHONE):
        checked_number(raw_id.removeprefix(PHONE))
    elif not re.match(r"(8|28):.+", raw_id):
        raise IdentifierError(f"{raw_id!r} is no raw id such as 8:acs:... or 4:+14255550100")
    return raw_id


def checked_number(number: str) -> str:
    """The number itself.

    Raises:
        IdentifierError: it is not in E.164.
    """
    if not _E164.fullmatch(number):
        raise IdentifierError(f"{number!r} is no phone number in E.164, such as +14255550100")
    return number


def is_phone(raw_id: str) -> bool:
    return raw_id.startswith(PHONE)


def identifier_json(raw_id: str) -> dict[str, JsonValue]:
    """The identifier as the service answers it: `rawId`, `kind`, and the object of that kind."""
    if is_phone(raw_id):
        return _model(raw_id, "phoneNumber", {"value": raw_id.removeprefix(PHONE)})
    if raw_id.startswith(TEAMS_USER):
        teams_user: dict[str, JsonValue] = {"isAnonymous": False, "cloud": PUBLIC_CLOUD}
        teams_user["userId"] = raw_id.removeprefix(TEAMS_USER)
        return _model(raw_id, "microsoftTeamsUser", teams_user)
    if raw_id.startswith(TEAMS_APP):
        teams_app = {"appId": raw_id.removeprefix(TEAMS_APP), "cloud": PUBLIC_CLOUD}
        return _model(raw_id, "microsoftTeamsApp", teams_app)
    if agent := agent_of(raw_id):
        extension_user = {
            "userId": agent.object_id,
            "tenantId": agent.tenant_id,
            "resourceId": agent.resource_id,
            "cloud": PUBLIC_CLOUD,
        }
        return _model(raw_id, "teamsExtensionUser", extension_user)
    if raw_id.startswith("8:"):
        return _model(raw_id, "communicationUser", {"id": raw_id})
    return {"rawId": raw_id, "kind": "unknown"}


def _model(raw_id: str, kind: str, properties: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {"rawId": raw_id, "kind": kind, kind: {**properties}}
