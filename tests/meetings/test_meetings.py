"""Teams meetings over HTTP: made here or by people, shared, joined, changed and cancelled."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from devstack.issuer.managed_identity import managed_identity_token
from devstack.issuer.tokens import issuer_key
from devstack.issuer.users import object_id
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import FRIENDS, People, Person, befriend
from tests.support.stack import Host, Stack, StartHost

SCHEDULER = ["Meetings.Schedule"]
ORGANIZER = "dave"
GRAPH = "https://graph.microsoft.com"
NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=3)


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def meeting(external_id: str, audience: object = FRIENDS, **changed: object) -> dict[str, object]:
    wanted = {
        "externalId": external_id,
        "subject": "Visit",
        "startsAt": stamp(NOON),
        "endsAt": stamp(NOON + timedelta(hours=1)),
        "audience": audience,
    }
    return {**wanted, **changed}


async def schedule(person: Person, external_id: str, *args: Any, **changed: object) -> Reply:
    return await person.ask("/meetings", "POST", meeting(external_id, *args, **changed))


async def meetings(graph: Control, *external_ids: str) -> list[dict[str, Any]]:
    """Those in Teams of these ids, which are the invitations'."""
    state = await graph.state()
    return [one for one in state["meetings"] if call_of(one) in external_ids]


async def ids_in_teams(graph: Control) -> set[str]:
    """The ids of all meetings: the rest may change when requests of other tests are settled."""
    return {str(one["id"]) for one in (await graph.state())["meetings"]}


def call_of(meeting: dict[str, Any]) -> str:
    """The invitation that a meeting in Teams was made for."""
    return str(meeting.get("externalId") or "").partition(".")[0]


def of_organizer(stack: Stack) -> tuple[str, dict[str, str]]:
    """The URL of the organizer's meetings in Graph, and the headers of another app than ours."""
    key = issuer_key(stack.issuer.key_file)
    token = managed_identity_token(key, issuer=stack.issuer.url, resource=GRAPH)
    url = f"{stack.values['graph']}/v1.0/users/{object_id(ORGANIZER)}/onlineMeetings"
    return url, {"Authorization": f"Bearer {token}"}


async def deleted_in_teams(client: aiohttp.ClientSession, stack: Stack, meeting: str) -> None:
    """As its organizer does it; here by another app."""
    url, headers = of_organizer(stack)
    async with client.delete(f"{url}/{meeting}", headers=headers) as response:
        assert response.status == 204


async def made_in_teams(client: aiohttp.ClientSession, stack: Stack, external_id: str) -> None:
    """As a request makes it that Graph has left lying for long; here by another app."""
    url, headers = of_organizer(stack)
    body = {
        "externalId": external_id,
        "subject": "Late",
        "startDateTime": NOON.isoformat(),
        "endDateTime": (NOON + timedelta(hours=1)).isoformat(),
    }
    async with client.post(f"{url}/createOrGet", headers=headers, json=body) as response:
        assert response.status == 201


async def test_a_meeting_is_scheduled_joined_changed_and_cancelled(
    one_host: Host, people: People, graph: Control
) -> None:
    doctor, patient, stranger = people(one_host, "doctor", "patient", "stranger")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    await graph.tenant(audioConferencing=True)

    made = await schedule(doctor, "visit 1", lobby="everyone")

    assert made.status == 201
    call = made.json["id"]
    assert made.headers["Location"] == f"/api/invitations/{call}"
    [in_teams] = await meetings(graph, call)
    settings = in_teams["joinMeetingIdSettings"]
    by_id = {"meetingId": settings["joinMeetingId"], "passcode": settings["passcode"]}
    assert (made.json["kind"], made.json["title"], made.json["invited"]) == (
        "teamsMeeting",
        "Visit",
        1,
    )
    assert in_teams["participants"]["organizer"]["identity"]["user"]["id"] == object_id(ORGANIZER)
    assert in_teams["lobbyBypassSettings"]["scope"] == "everyone"

    [listed] = await patient.invitations()
    assert "locator" not in listed
    assert listed["startsAt"] == NOON.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert "lobby" not in listed
    opened = (await patient.open(call)).json
    assert opened["locator"] == {"meetingLink": in_teams["joinWebUrl"]}
    assert opened["alternatives"] == [by_id]
    assert opened["dialIn"]["tollNumber"] == in_teams["audioConferencing"]["tollNumber"]
    assert (opened["lobby"]["waits"], opened["lobby"]["scope"]) == (False, "everyone")
    assert opened["lobby"]["policyMayRefuse"]
    assert (await stranger.open(call)).status == 404

    changed = await schedule(doctor, "visit 1", subject="Second visit", lobby="organization")
    assert (changed.status, changed.json["id"]) == (200, call)
    assert one_host.log.read_text().count(f"call={call}") == or_more(1)  # in the audit log
    [in_teams] = await meetings(graph, call)
    assert in_teams["subject"] == "Second visit"
    assert in_teams["lobbyBypassSettings"]["scope"] == "organization"
    opened = (await patient.open(call)).json
    assert (opened["title"], opened["lobby"]["waits"]) == ("Second visit", True)
    assert opened["lobby"]["admittedBy"] == ["organizer", "coOrganizer", "presenter"]

    assert (await patient.ask(f"/meetings/{call}", "DELETE")).status == 204
    assert await patient.calls() == [call]
    assert (await doctor.unshare(call)).status == 204  # no group call
    assert await patient.calls() == [call]
    for _ in range(2):
        assert (await doctor.ask(f"/meetings/{call}", "DELETE")).status == 204
        assert await meetings(graph, call) == []
        assert await patient.calls() == await doctor.calls() == []
        assert (await patient.open(call)).status == 404


async def test_a_meeting_is_changed_where_something_differs_and_keeps_its_lobby(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit", lobby="everyone")).json["id"]
    later = stamp(NOON + timedelta(hours=3))

    reply = await schedule(doctor, "visit", endsAt=later)

    [in_teams] = await meetings(graph, call)
    assert datetime.fromisoformat(in_teams["endDateTime"]) == NOON + timedelta(hours=3)
    assert in_teams["lobbyBypassSettings"]["scope"] == "everyone"
    assert reply.json["lobby"]["waits"] is False


async def test_the_calendar_file_says_how_to_join(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]

    event = (await doctor.calendar(call)).vevent

    [in_teams] = await meetings(graph, call)
    assert event.url.value == in_teams["joinWebUrl"]
    assert event.dtstart.value == NOON
    assert in_teams["joinMeetingIdSettings"]["passcode"] in event.description.value


async def test_two_callers_with_one_external_id_have_two_meetings(
    one_host: Host, people: People, graph: Control
) -> None:
    one, other = people(one_host, "one", "other")
    calls = []
    for person in (one, other):
        person.sign_in(*SCHEDULER)
        calls.append((await schedule(person, "the same", subject=person.name)).json["id"])

    found = await meetings(graph, *calls)

    assert sorted(meeting["subject"] for meeting in found) == ["One", "Other"]
    await other.ask(f"/meetings/{calls[0]}", "DELETE")
    assert len(await meetings(graph, *calls)) == 2


async def test_twenty_at_once_over_two_hosts_are_one_meeting_and_one_invitation(
    one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    doctor, patient = people(one_host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    elsewhere = doctor.at(await start_host())
    created = (await graph.state())["created"]

    replies = await asyncio.gather(
        *(schedule(person, "visit") for person in (doctor, elsewhere) for _ in range(10))
    )

    assert {reply.status for reply in replies} | {200} == {200, 201}  # it was new to somebody
    [call] = {reply.json["id"] for reply in replies}
    assert len(await meetings(graph, call)) == 1
    assert (await graph.state())["created"] == created + 1
    assert await patient.calls() == [call]


async def test_two_changes_at_once_agree_in_teams_and_here(
    one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    elsewhere = doctor.at(await start_host())
    fault = await graph.fault("update", hold="before", times=1)

    slow = asyncio.create_task(schedule(doctor, "visit", subject="Slow", lobby="everyone"))
    await graph.held(fault)
    quick = await schedule(elsewhere, "visit", subject="Quick", lobby="organizer")
    await graph.release(fault)

    assert (quick.status, (await slow).status) == (200, 200)
    [in_teams] = await meetings(graph, call)
    opened = (await doctor.open(call)).json
    assert in_teams["subject"] == opened["title"] == "Quick"
    assert in_teams["lobbyBypassSettings"]["scope"] == opened["lobby"]["scope"] == "organizer"


async def test_a_meeting_that_is_cancelled_while_it_is_changed_is_gone(
    one_host: Host, start_host: StartHost, people: People, graph: Control, stack: Stack
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    elsewhere = doctor.at(await start_host())
    for operation in ("get", "update"):
        for moment in ("before", "after"):
            fault = await graph.fault(operation, hold=moment, times=1)
            changing = asyncio.create_task(schedule(doctor, "visit", subject="Late"))
            await graph.held(fault)
            assert (await elsewhere.ask(f"/meetings/{call}", "DELETE")).status == 204
            await graph.release(fault)
            reply = await changing
            if reply.status == 409:
                assert await meetings(graph, call) == []
                assert rows_about(stack, call) == []
                reply = await schedule(doctor, "visit")
            # Else it came after the cancelling, and made it anew.
            call = reply.json["id"]
            [in_teams] = await meetings(graph, call)
            assert (await doctor.open(call)).json["locator"] == {
                "meetingLink": in_teams["joinWebUrl"]
            }


async def test_a_meeting_deleted_in_teams_is_made_anew_by_the_next_request(
    stack: Stack,
    client: aiohttp.ClientSession,
    one_host: Host,
    people: People,
    graph: Control,
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    [before] = await meetings(graph, call)
    await deleted_in_teams(client, stack, before["id"])

    again = await schedule(doctor, "visit")

    [after] = await meetings(graph, call)
    assert after["id"] != before["id"]
    assert again.json["locator"] == {"meetingLink": after["joinWebUrl"]}


async def test_erasing_who_scheduled_deletes_the_meetings(
    one_host: Host, people: People, graph: Control, stack: Stack
) -> None:
    doctor, patient = people(one_host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    call = (await schedule(doctor, "visit")).json["id"]
    exported = (await doctor.export()).json["held"]["meetings"]
    assert [row["callId"] for row in exported] == [call]

    assert (await doctor.forget()).status == 204

    assert await meetings(graph, call) == []
    assert await patient.calls() == []
    assert rows_about(stack, doctor.id, call) == []


async def test_an_erasure_that_overtakes_a_scheduling_leaves_nothing_of_it(
    one_host: Host, start_host: StartHost, people: People, graph: Control, stack: Stack
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    await doctor.token()
    elsewhere = doctor.at(await start_host())
    before = len((await graph.state())["meetings"])
    for moment in ("before", "after"):
        fault = await graph.fault("createOrGet", hold=moment, times=1)
        scheduling = asyncio.create_task(schedule(doctor, f"visit {moment}"))
        await graph.held(fault)
        assert (await elsewhere.forget()).status == 204
        await graph.release(fault)

        assert (await scheduling).status == 401
        assert rows_about(stack, doctor.id) == []
        assert len((await graph.state())["meetings"]) == before
        doctor.sign_in(*SCHEDULER)
        elsewhere.sign_in(*SCHEDULER)


async def test_every_fault_of_a_meeting_is_told_at_once_and_none_is_made(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    created = (await graph.state())["created"]
    body = meeting("", {"users": ["x"], "space": "y"}, lobby="nobody", subject="", x=1)
    body["endsAt"] = body["startsAt"]

    wrong = await doctor.ask("/meetings", "POST", body)
    unknown = await schedule(doctor, "visit", {"users": [str(uuid.uuid4())]})

    fields = {fault["field"] for fault in wrong.json["errors"]}
    assert fields == {"externalId", "subject", "endsAt", "lobby", "audience", "x"}
    assert (wrong.status, unknown.status) == (400, 400)
    assert (await graph.state())["created"] == created


async def test_only_who_has_the_role_schedules(one_host: Host, people: People) -> None:
    [anybody] = people(one_host, "anybody")

    assert (await schedule(anybody, "visit")).status == 403
