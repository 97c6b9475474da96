"""The organizer of a meeting in Teams, the people for whom a meeting is looked up, and the answers
when Teams refuses."""

import base64
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from devstack.issuer.users import object_id
from devstack.well_known import TENANT_ID
from tests.meetings.test_meetings import SCHEDULER, meetings, schedule
from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host, Stack, StartHost

ENTRA = f"https://login.microsoftonline.com/{TENANT_ID}/v2.0"
AUDIENCE = "api://entra"
ALICE, DAVE = object_id("alice"), object_id("dave")


class Employee:
    """Somebody whom Entra has signed in, as App Service authentication passes them on."""

    def __init__(self, client: aiohttp.ClientSession, host: Host, oid: str) -> None:
        self._client, self.host = client, host
        self.oid = oid

    async def ask(self, path: str, method: str = "GET", json_: object = None) -> Reply:
        claims = {
            "iss": ENTRA,
            "aud": AUDIENCE,
            "oid": self.oid,
            "tid": TENANT_ID,
            "iat": str(int(time.time())),
            "scp": "access",
            "roles": SCHEDULER[0],
        }
        listed = [{"typ": name, "val": value} for name, value in claims.items()]
        principal = base64.b64encode(json.dumps({"claims": listed}).encode()).decode()
        headers = {"X-MS-CLIENT-PRINCIPAL": principal}
        return await ask(self._client, self.host, path, method=method, headers=headers, json=json_)

    async def schedule(self, external_id: str) -> Reply:
        starts = datetime.now(UTC) + timedelta(days=1)
        body = {
            "externalId": external_id,
            "subject": "Visit",
            "startsAt": starts.isoformat(),
            "endsAt": (starts + timedelta(hours=1)).isoformat(),
            "audience": {"space": uuid.uuid4().hex},
        }
        return await self.ask("/meetings", "POST", body)

    async def share(self, link: str) -> Reply:
        body = {"joinWebUrl": link, "audience": {"space": uuid.uuid4().hex}}
        return await self.ask("/meetings", "PUT", body)


# Behind App Service authentication, where Entra's tenant is that of Graph.
BEHIND_ENTRA = {
    "AUTH_ISSUERS": json.dumps([{"issuer": ENTRA, "audience": AUDIENCE}]),
    "AUTH_EASY_AUTH": "true",
    "WEBSITE_AUTH_ENABLED": "true",
}


@pytest.fixture
async def alice(client: aiohttp.ClientSession, start_host: StartHost) -> Employee:
    return Employee(client, await start_host(**BEHIND_ENTRA), ALICE)


def organizer_of(meeting: dict[str, Any]) -> str:
    return str(meeting["participants"]["organizer"]["identity"]["user"]["id"])


async def test_who_works_in_the_tenant_holds_their_own_meetings(
    alice: Employee, graph: Control
) -> None:
    made = await alice.schedule(uuid.uuid4().hex)

    [in_teams] = await meetings(graph, made.json["id"])
    assert (made.status, organizer_of(in_teams)) == (201, ALICE)


async def test_where_teams_does_not_let_us_act_for_them_the_services_organizer_does(
    alice: Employee, graph: Control
) -> None:
    name = uuid.uuid4().hex
    for tenant in ({"policy": False}, {"licensed": False}):
        await graph.tenant(users={ALICE: tenant})
        made = await alice.schedule(f"{name} {tenant}")
        [in_teams] = await meetings(graph, made.json["id"])
        assert (made.status, organizer_of(in_teams)) == (201, DAVE)

    # A meeting keeps its organizer, although we could act for her now.
    await graph.tenant()
    again = await alice.schedule(f"{name} {tenant}")
    assert (again.status, again.json["id"]) == (200, made.json["id"])
    assert len(await meetings(graph, made.json["id"])) == 1


async def test_a_meeting_is_held_for_a_person_whom_the_tenant_does_not_know(
    alice: Employee, graph: Control
) -> None:
    alice.oid = str(uuid.uuid4())

    made = await alice.schedule("visit")

    [in_teams] = await meetings(graph, made.json["id"])
    assert organizer_of(in_teams) == DAVE


async def test_a_link_of_theirs_is_looked_up(alice: Employee, graph: Control) -> None:
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    in_teams = await graph.meeting(
        "alice",
        subject="Planning",
        startDateTime=starts.isoformat(),
        endDateTime=(starts + timedelta(hours=1)).isoformat(),
        lobbyBypassSettings={"scope": "organization"},
    )

    shared = await alice.share(in_teams["joinWebUrl"])

    assert shared.status == 201
    assert shared.json["title"] == "Planning"
    assert datetime.fromisoformat(shared.json["startsAt"]) == starts
    settings = in_teams["joinMeetingIdSettings"]
    by_id = {"meetingId": settings["joinMeetingId"], "passcode": settings["passcode"]}
    assert shared.json["alternatives"] == [by_id]
    assert (shared.json["lobby"]["scope"], shared.json["lobby"]["waits"]) == ("organization", True)


async def test_a_link_that_is_not_theirs_is_shared_as_it_is(
    alice: Employee, graph: Control
) -> None:
    of_bob = (await graph.meeting("bob", subject="Secret"))["joinWebUrl"]
    of_dave = (await graph.meeting("dave", subject="Secret"))["joinWebUrl"]
    of_nobody = "https://teams.microsoft.com/l/meetup-join/it's%20nobody's"
    searched = (await graph.state())["requests"]["find"]
    for link in (of_bob, of_dave, of_nobody):
        shared = await alice.share(link)
        assert (shared.status, shared.json["title"]) == (201, None)
        assert (shared.json["alternatives"], shared.json["lobby"]["waits"]) == ([], None)
    await graph.tenant(policy=False)
    of_alice = (await graph.meeting("alice", subject="Planning"))["joinWebUrl"]
    shared = await alice.share(of_alice)

    assert (shared.status, shared.json["title"]) == (201, None)
    assert (await graph.state())["requests"]["find"] == or_more(searched + 4)


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        ({"policy": False}, "organizer-refused"),
        ({"users": {DAVE: {"policy": False}}}, "organizer-refused"),
        ({"users": {DAVE: {"licensed": False}}}, "organizer-refused"),
    ],
)
async def test_when_teams_lets_us_act_for_nobody_the_log_says_what_to_do(
    stack: Stack, one_host: Host, people: People, graph: Control, tenant: dict[str, Any], code: str
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    await graph.tenant(**tenant)
    logged = len(one_host.log.read_text())

    refused = await schedule(doctor, "visit")

    assert (refused.status, refused.json["code"]) == (503, code)
    assert int(refused.headers["Retry-After"]) >= 30
    log = one_host.log.read_text()[logged:]
    assert "New-CsApplicationAccessPolicy -Identity trusted-service -AppIds" in log
    assert "New-CsApplicationAccessPolicy" not in json.dumps(refused.json)
    await graph.tenant()
    assert (await schedule(doctor, "visit")).status == 201


async def test_an_organizer_who_is_nobody_is_told(
    stack: Stack, start_host: StartHost, people: People
) -> None:
    host = await start_host(MEETING_ORGANIZER_ID=str(uuid.uuid4()))
    [doctor] = people(host, "doctor")
    doctor.sign_in(*SCHEDULER)

    refused = await schedule(doctor, "visit")

    assert (refused.status, refused.json["code"]) == (503, "organizer-refused")
    assert "is not a user of the app's tenant" in host.log.read_text()


async def test_an_app_whose_token_graph_does_not_take_is_told(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    await graph.fault("createOrGet", status=401, times=1)

    refused = await schedule(doctor, "visit")

    assert (refused.status, refused.json["code"]) == (503, "graph-refused")
    assert "Graph takes no token of this app" in one_host.log.read_text()


async def test_without_graph_nothing_is_scheduled_and_links_are_shared(
    start_host: StartHost, people: People
) -> None:
    host = await start_host(GRAPH_ENDPOINT="", MEETING_ORGANIZER_ID="")
    doctor, patient = people(host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)

    refused = await schedule(doctor, "visit")
    link = "https://teams.microsoft.com/meet/1"
    shared = await doctor.ask("/meetings", "PUT", {"joinWebUrl": link, "audience": FRIENDS})

    assert (refused.status, refused.json["code"]) == (501, "not-configured")
    assert refused.json["detail"] == "GRAPH_ENDPOINT is not set."
    assert shared.status == 201


async def test_without_an_organizer_only_employees_schedule(
    start_host: StartHost, people: People
) -> None:
    host = await start_host(MEETING_ORGANIZER_ID="")
    [doctor] = people(host, "doctor")
    doctor.sign_in(*SCHEDULER)

    refused = await schedule(doctor, "visit")

    assert refused.status == 501
    assert "MEETING_ORGANIZER_ID" in refused.json["detail"]


@pytest.mark.parametrize(
    ("fault", "status", "code", "wait"),
    [
        ({"status": 429, "retryAfter": 17}, 429, "throttled", 17),
        ({"status": 429}, 429, "throttled", 2),
        ({"status": 503, "retryAfter": 9}, 503, "graph-unavailable", 9),
        ({"status": 500}, 503, "graph-unavailable", 2),
        ({"status": 400}, 400, "meeting-refused", None),
        ({"drop": "before"}, 503, "graph-unavailable", 2),
        ({"drop": "after"}, 503, "graph-unavailable", 2),
        ({"status": 200, "body": {}}, 503, "graph-unavailable", 2),
        ({"status": 200, "body": "<html>"}, 503, "graph-unavailable", 2),
    ],
)
async def test_trouble_of_graph_is_told_as_it_is(
    one_host: Host,
    people: People,
    graph: Control,
    fault: dict[str, Any],
    status: int,
    code: str,
    wait: int | None,
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    await graph.fault("createOrGet", **fault)

    reply = await schedule(doctor, "visit")

    assert (reply.status, reply.json["code"]) == (status, code)
    assert reply.headers.get("Retry-After") == (str(wait) if wait else None)
    await graph.clear()
    made = await schedule(doctor, "visit")
    assert made.status == 201
    assert len(await meetings(graph, made.json["id"])) == 1


async def test_no_link_or_passcode_is_in_a_log(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit", {"space": "secrecy"})).json["id"]
    await doctor.open(call)

    [in_teams] = await meetings(graph, call)
    log = one_host.log.read_text()
    for secret in (in_teams["joinWebUrl"], in_teams["joinMeetingIdSettings"]["passcode"]):
        assert secret not in log
