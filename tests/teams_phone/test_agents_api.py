"""Agents and voice apps over HTTP, on the whole stack: ACS serves the agents that were added."""

import json
import uuid
from collections.abc import AsyncIterator

import aiohttp
import pytest

from devstack.well_known import TEAMS_ACCOUNT_ID, TEAMS_VOICE_APP_ID
from shared.settings import load
from shared.teams_phone.acs import Assignment, Assignments
from shared.upstream.clients import Upstream
from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.kills import Step, kill_at
from tests.support.people import People, Person
from tests.support.stack import Stack, StartHost

ROLE = "Agents.Manage"


@pytest.fixture
async def assignments(stack: Stack) -> AsyncIterator[Assignments]:
    upstream = Upstream()
    yield Assignments(load(stack.settings).upstream, upstream)
    await upstream.close()


@pytest.fixture
def settings(stack: Stack) -> dict[str, str]:
    account = {"id": TEAMS_ACCOUNT_ID, "tenant": stack.values["teams"]["tenantId"]}
    return {"TEAMS_RESOURCE_ACCOUNTS": json.dumps([account])}


async def agents(person: Person) -> list[str]:
    reply = await person.ask("/agents")
    assert reply.status == 200
    return [agent["objectId"] for agent in reply.json["agents"]]


async def test_agents_are_added_listed_and_removed_and_acs_follows(
    stack: Stack,
    start_host: StartHost,
    people: People,
    assignments: Assignments,
    settings: dict[str, str],
    acs: Control,
    client: aiohttp.ClientSession,
) -> None:
    host = await start_host(**settings)
    operator, user = people(host, "operator", "user")
    operator.sign_in(ROLE)
    tenant, app = stack.values["teams"]["tenantId"], stack.settings["TEAMS_APP_ID"]
    agent, path = str(uuid.uuid4()), ""
    path = f"/agents/{agent}"

    added = await operator.ask(path, "PUT")
    again = await operator.ask(path, "PUT", {"tenant": tenant})
    assert (added.status, again.status) == (201, 200)
    assert added.json == again.json
    assert (added.json["objectId"], added.json["tenant"]) == (agent, tenant)
    assert await assignments.find(tenant, agent) == Assignment("user", (app,))
    assert agent in await agents(operator)

    # Callers without the right, and ids that cannot be agents.
    for method, where in (("PUT", path), ("DELETE", path), ("GET", "/agents")):
        assert (await user.ask(where, method)).status == 403
    assert await assignments.find(tenant, agent) is not None
    foreign = await operator.ask(path, "PUT", {"tenant": str(uuid.uuid4())})
    nobody = [await operator.ask("/agents/alice", method) for method in ("PUT", "DELETE")]
    assert [reply.json["errors"][0]["field"] for reply in (foreign, *nobody)] == [
        "tenant",
        "objectId",
        "objectId",
    ]

    # ACS refuses one, and is down for another, who is added by a repetition.
    await acs.fault("putAssignment", status=400, times=1)
    refused = await operator.ask(f"/agents/{uuid.uuid4()}", "PUT")
    assert (refused.status, refused.json["code"]) == (400, "agent-refused")
    await acs.fault("putAssignment", status=503, times=3)
    late = f"/agents/{uuid.uuid4()}"
    assert (await operator.ask(late, "PUT")).json["code"] == "communication-unavailable"
    assert (await operator.ask(late, "PUT")).status == 201
    # While ACS does not end it, the agent is nobody's already, and a repetition ends it.
    await acs.fault("deleteAssignment", status=503, times=3)
    assert (await operator.ask(path, "DELETE")).status == 503
    assert agent not in await agents(operator)
    for where in (path, path, late):
        assert (await operator.ask(where, "DELETE")).status == 204
    assert await assignments.find(tenant, agent) is None

    # An app with the role may, too.
    daemon = stack.token("daemon", app=True, roles=[ROLE])
    assert (await ask(client, host, path, daemon, method="PUT")).status == 201
    assert (await ask(client, host, path, daemon, method="DELETE")).status == 204

    listed = await user.ask("/voiceApps")
    assert listed.json == {
        "voiceApps": [
            {
                "name": "Front desk",
                "kind": "autoAttendant",
                "teamsAppId": TEAMS_VOICE_APP_ID,
                "cloud": "public",
            }
        ]
    }
    # A person who was erased is refused, also if they have the role.
    for person in (user, operator):
        await person.forget()
    assert (await user.ask("/voiceApps")).status == 401
    for method, where in (("PUT", path), ("DELETE", path), ("GET", "/agents")):
        assert (await operator.ask(where, method)).status == 401


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_host_that_dies_while_acs_is_asked_is_made_good_by_a_repetition(
    stack: Stack,
    start_host: StartHost,
    people: People,
    assignments: Assignments,
    settings: dict[str, str],
    controls: dict[str, Control],
    moment: str,
) -> None:
    host = await start_host(**settings)
    [operator] = people(host, "operator")
    operator.sign_in(ROLE)
    tenant, agent = stack.values["teams"]["tenantId"], str(uuid.uuid4())
    path = f"/agents/{agent}"

    await kill_at(
        Step("acs", "putAssignment", 0, moment), host, controls, operator.ask(path, "PUT")
    )
    assert agent not in await agents(operator)
    assert (await operator.ask(path, "PUT")).status == 201
    step = Step("acs", "deleteAssignment", 0, moment)
    await kill_at(step, host, controls, operator.ask(path, "DELETE"))
    assert agent not in await agents(operator)
    assert (await operator.ask(path, "DELETE")).status == 204
    assert await assignments.find(tenant, agent) is None


async def test_what_is_not_set_is_named(people: People, start_host: StartHost) -> None:
    host = await start_host(TEAMS_RESOURCE_ACCOUNTS="", TEAMS_VOICE_APPS="")
    [operator] = people(host, "operator")
    operator.sign_in(ROLE)

    def code_and_detail(reply: Reply) -> tuple[int, str]:
        return reply.status, reply.json["detail"]

    agent = str(uuid.uuid4())
    put = await operator.ask(f"/agents/{agent}", "PUT")
    assert code_and_detail(put) == (
        501,
        "TEAMS_RESOURCE_ACCOUNTS has no account of the caller's realm.",
    )
    assert code_and_detail(await operator.ask("/voiceApps")) == (
        501,
        "TEAMS_VOICE_APPS is not set.",
    )
    assert agent not in await agents(operator)  # other tests' may be there
