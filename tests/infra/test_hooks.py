"""The hooks of azd, against the emulated Graph, a real host, and Event Grid's own handshake."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.hooks import __main__ as hooks
from infra.hooks import deployed, registration
from infra.hooks.rest import HookError, Rest
from shared.auth import roles
from tests.devstack.emulator_fixtures import EmulatorProcess, TokenIssuer
from tests.devstack.graph_emulator.graph_fixtures import GraphCaller, emulator, graph, issuer
from tests.support.stack import Host, Stack

__all__ = ["emulator", "graph", "issuer"]

SUBSCRIPTION = str(uuid.UUID(int=1))
PAGE = "https://page.example"


@pytest.fixture
async def entra(
    emulator: EmulatorProcess, issuer: TokenIssuer, graph: GraphCaller
) -> AsyncIterator[Rest]:
    async def token() -> str:
        return issuer.token(roles=["Application.ReadWrite.All"], appid="cli", tid="a tenant")

    async with aiohttp.ClientSession() as session:
        yield Rest(session, emulator.url, token, no_pause)


class NothingThere(Rest):
    """Azure Resource Manager, for a subscription without resources."""

    def __init__(self) -> None:
        pass

    async def ask(self, *_asked: object, **_options: object) -> tuple[int, Any]:
        return 404, None


async def no_pause(_seconds: float) -> None:
    pass


def today() -> datetime:
    return datetime(2026, 11, 28, tzinfo=UTC)


class Azd(dict[str, str]):
    """An azd environment: what hooks keep is there for the next one."""

    def __init__(self, **values: str) -> None:
        super().__init__(AZURE_ENV_NAME="dev", AZURE_SUBSCRIPTION_ID=SUBSCRIPTION, **values)

    def keep(self, name: str, value: str) -> None:
        self[name] = value


async def registered(entra: Rest, azd: Azd) -> dict[str, Any]:
    await hooks.preprovision(entra, NothingThere(), azd, azd.keep, today)
    _, content = await entra.ask("GET", f"{registration.APPLICATIONS}/{azd['ENTRA_APP_OBJECT_ID']}")
    found: dict[str, Any] = content
    return found


def test_the_roles_of_the_registration_are_those_of_the_code() -> None:
    declared = [role["value"] for role in registration.description()["appRoles"]]

    assert sorted(declared) == sorted(
        value for name, value in vars(roles).items() if name.isupper() and isinstance(value, str)
    )


async def test_a_registration_is_made_once(entra: Rest) -> None:
    azd = Azd()

    first = await registered(entra, azd)
    again = await registered(entra, azd)

    assert again == first
    api = first["api"]
    [scope] = api["oauth2PermissionScopes"]
    assert (api["requestedAccessTokenVersion"], scope["value"]) == (2, "access_as_user")
    assert [claim["name"] for claim in first["optionalClaims"]["accessToken"]] == ["idtyp"]
    assert first["identifierUris"] == [f"api://{azd['AUTH_CLIENT_ID']}"]
    assert api["preAuthorizedApplications"] == [
        {"appId": azd["AUTH_CLIENT_ID"], "delegatedPermissionIds": [scope["id"]]}
    ]
    query = {"$filter": f"appId eq '{azd['AUTH_CLIENT_ID']}'"}
    _, principals = await entra.ask("GET", registration.SERVICE_PRINCIPALS, query=query)
    assert len(principals["value"]) == 1


async def test_what_provisioning_needs_is_kept_and_not_made_anew(entra: Rest) -> None:
    azd = Azd()
    await registered(entra, azd)
    first = dict(azd)
    await registered(entra, azd)

    assert azd == first
    assert azd["AUTH_TENANT_ID"] == "a tenant"
    assert "BUDGET_START" not in azd  # nobody has asked for a budget
    assert len(azd["EVENT_GRID_KEY"]) >= 32
    assert "," not in azd["EVENT_GRID_KEY"]


async def test_a_registration_of_somebody_else_is_never_touched(entra: Rest) -> None:
    theirs = await registered(entra, Azd(AZURE_TENANT_ID="x"))
    azd = Azd(AUTH_CLIENT_ID=theirs["appId"], PAGE_URL=PAGE)

    await hooks.preprovision(entra, NothingThere(), azd, azd.keep, today)
    await hooks.postprovision(entra, azd, made)
    await hooks.postdown(entra, azd)

    _, still = await entra.ask("GET", f"{registration.APPLICATIONS}/{theirs['id']}")
    assert still == theirs


async def made() -> int:
    return 0


async def test_what_people_have_added_stays(entra: Rest) -> None:
    azd = Azd()
    found = await registered(entra, azd)
    own = {**found["appRoles"][0], "id": str(uuid.uuid4()), "value": "Host"}
    client = {"appId": str(uuid.uuid4()), "delegatedPermissionIds": []}
    changed = {
        "appRoles": [*found["appRoles"], own],
        "spa": {"redirectUris": ["https://other.example"]},
        "identifierUris": [*found["identifierUris"], "https://contoso.example/calls"],
        "api": {"preAuthorizedApplications": [client]},
    }
    await entra.ask("PATCH", f"{registration.APPLICATIONS}/{found['id']}", changed)

    await registered(entra, azd)
    azd["PAGE_URL"] = PAGE
    for _ in range(2):
        await hooks.postprovision(entra, azd, made)

    after = await registered(entra, azd)
    assert own in after["appRoles"]
    assert after["spa"]["redirectUris"] == ["https://other.example", f"{PAGE}/"]
    assert "https://contoso.example/calls" in after["identifierUris"]
    assert client in after["api"]["preAuthorizedApplications"]


@pytest.mark.parametrize(
    "operation",
    ["createApplication", "updateApplication", "findServicePrincipals", "createServicePrincipal"],
)
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_run_that_dies_is_finished_by_the_next(
    entra: Rest, graph: GraphCaller, operation: str, moment: str
) -> None:
    """Also where Entra has done it, and the answer was lost."""
    azd = Azd()
    await graph.add_fault(operation=operation, drop=moment, times=50)
    with pytest.raises(HookError):
        await hooks.preprovision(entra, NothingThere(), azd, azd.keep, today)
    await graph.inspect("DELETE", "faults")

    found = await registered(entra, azd)

    tag = {"$filter": f"tags/any(t:t eq '{registration.tag_of(hooks.environment_of(azd))}')"}
    _, everything = await entra.ask("GET", registration.APPLICATIONS, query=tag)
    assert everything["value"] == [found]
    assert found["identifierUris"] == [f"api://{found['appId']}"]


async def test_after_the_end_the_registration_is_gone(entra: Rest) -> None:
    azd = Azd()
    await registered(entra, azd)
    other = Azd()
    other["AZURE_ENV_NAME"] = "staging"
    kept = await registered(entra, other)

    for _ in range(2):
        await hooks.postdown(entra, azd)

    assert await registration.find(entra, hooks.environment_of(azd)) is None
    assert await registration.find(entra, hooks.environment_of(other)) == kept


async def test_tables_are_tried_until_the_role_applies(entra: Rest) -> None:
    azd = Azd(PAGE_URL=PAGE)
    await registered(entra, azd)
    answers = [1, 1, 0]

    async def make_tables() -> int:
        return answers.pop(0)

    await hooks.postprovision(entra, azd, make_tables)
    assert answers == []
    answers = [1] * 20
    with pytest.raises(HookError, match="tables"):
        await hooks.postprovision(entra, azd, make_tables)


COMMUNICATION = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Communication/x"


PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid"


class Arm:
    """The part of Azure Resource Manager for Event Grid: it lets the emulated Event Grid make its
    handshake with the app, and reports the result a moment later."""

    def __init__(self, acs: str, session: aiohttp.ClientSession) -> None:
        self.inspection = f"{acs}/_emulator/eventSubscription"
        self.session = session
        self.bodies: dict[str, Any] = {}
        self.states: dict[str, str] = {}

    async def put(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.json()
        assert request.query["api-version"] == "2025-02-15"
        self.bodies[name] = body
        target = body["properties"]["destination"]["properties"]
        headers = {
            one["name"]: one["properties"]["value"] for one in target["deliveryAttributeMappings"]
        }
        spec = {"url": target["endpointUrl"], "headers": headers}
        async with self.session.put(self.inspection, json=spec) as taken:
            self.states[name] = "Succeeded" if taken.status == 200 else "Failed"
        return web.json_response({"properties": {"provisioningState": "Creating"}}, status=201)

    async def provider(self, _request: web.Request) -> web.Response:
        return web.json_response({"registrationState": "Registered"})

    async def get(self, request: web.Request) -> web.Response:
        state = self.states[request.match_info["name"]]
        return web.json_response({"properties": {"provisioningState": state}})


@pytest.fixture
async def arm(stack: Stack) -> AsyncIterator[tuple[Arm, Rest]]:
    app = web.Application()
    path = f"{COMMUNICATION}/providers/Microsoft.EventGrid/eventSubscriptions/{{name}}"

    async def token() -> str:
        return "an operator's"

    async with aiohttp.ClientSession() as session:
        manager = Arm(stack.values["acs"], session)
        app.add_routes([web.put(path, manager.put), web.get(path, manager.get)])
        app.add_routes([web.get(PROVIDER, manager.provider)])
        async with TestServer(app) as server:
            yield manager, Rest(session, str(server.make_url("")).rstrip("/"), token, no_pause)
        await session.delete(manager.inspection)


async def test_after_deployment_event_grid_knows_an_app_that_works(
    arm: tuple[Arm, Rest], one_host: Host, stack: Stack
) -> None:
    manager, rest = arm
    azd = Azd(
        APP_URL=one_host.api.removesuffix("/api"),
        COMMUNICATION_ARM_ID=COMMUNICATION,
        EVENT_GRID_KEY=f"{stack.settings['EVENT_GRID_KEY']}, an-older-key",
    )

    async with aiohttp.ClientSession() as session:
        await hooks.postdeploy(rest, session, azd)

    assert manager.states == dict.fromkeys(deployed.SUBSCRIPTIONS, "Succeeded")
    told = [body["properties"]["filter"]["includedEventTypes"] for body in manager.bodies.values()]
    assert told == [[event] for event, _ in deployed.SUBSCRIPTIONS.values()]
    assert '"isSecret": true' in json.dumps(manager.bodies)

    azd["EVENT_GRID_KEY"] = "another-key-which-the-app-does-not-know"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(HookError, match="incoming-calls is Failed"):
            await hooks.postdeploy(rest, session, azd)


@pytest.mark.parametrize(("ready", "user", "word"), [(503, 401, "storage"), (200, 200, "not 401")])
async def test_an_app_that_is_down_or_open_is_told(
    arm: tuple[Arm, Rest], ready: int, user: int, word: str
) -> None:
    app = web.Application()

    async def is_ready(_request: web.Request) -> web.Response:
        return web.Response(status=ready, text="Down: storage.")

    async def anybody(_request: web.Request) -> web.Response:
        return web.Response(status=user)

    app.add_routes([web.get("/api/health/ready", is_ready), web.get("/api/user", anybody)])
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        azd = Azd(APP_URL=url, COMMUNICATION_ARM_ID=COMMUNICATION, EVENT_GRID_KEY="a-key")
        with pytest.raises(HookError, match=word):
            await hooks.postdeploy(arm[1], session, azd)
    assert arm[0].bodies == {}
