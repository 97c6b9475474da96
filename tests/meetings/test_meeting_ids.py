"""Ids of meetings that nobody can compute, and the data of a meeting in Teams and in an export."""

import asyncio
import uuid
from datetime import UTC, datetime

import aiohttp

from shared.operate.tidy import Tidy
from shared.principals import Kind, Principal
from shared.sharing.audiences import MOST_IN_SPACE
from shared.sharing.rows import CallKind, call_key
from tests.meetings.test_meetings import (
    NOON,
    SCHEDULER,
    ids_in_teams,
    made_in_teams,
    meetings,
    schedule,
    stamp,
)
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.people import People, befriend
from tests.support.stack import Host, Stack, StartHost


async def test_an_id_follows_from_nothing_and_stays_while_the_meeting_is_there(
    stack: Stack, one_host: Host, people: People
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    owner = Principal(Kind.USER, stack.values["issuer"], doctor.id)
    computed = call_key(owner, CallKind.TEAMS_MEETING, "external id visit 1")

    first = (await schedule(doctor, "visit 1", {"space": "secret"})).json["id"]
    again = (await schedule(doctor, "visit 1", {"space": "secret"}, subject="Changed")).json["id"]
    other = (await schedule(doctor, "visit 2", {"space": "secret"})).json["id"]
    await doctor.ask(f"/meetings/{first}", "DELETE")
    anew = (await schedule(doctor, "visit 1", {"space": "secret"})).json["id"]

    assert first == again
    assert len({computed, first, other, anew}) == 4
    assert rows_about(stack, first) == []


async def test_a_meeting_that_is_one_too_many_is_not_made(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    space = {"space": "full of meetings"}
    for _ in range(MOST_IN_SPACE):
        assert (await doctor.share(str(uuid.uuid4()), space)).status == 201
    created = (await graph.state())["created"]

    refused = await schedule(doctor, "visit", space)

    assert (refused.status, refused.json["code"]) == (429, "too-many-shared")
    assert (await graph.state())["created"] == created
    exported = (await doctor.export()).json["held"]
    assert (exported["meetings"], len(exported["invitations"])) == ([], MOST_IN_SPACE)


async def test_a_meeting_that_graph_makes_long_after_it_was_cancelled_does_not_stay(
    stack: Stack,
    client: aiohttp.ClientSession,
    one_host: Host,
    people: People,
    graph: Control,
    tidy: Tidy,
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    await tidy.run()  # it may delete what other tests have left
    before = await ids_in_teams(graph)
    fault = await graph.fault("createOrGet", drop="before")
    unanswered = await schedule(doctor, "visit")
    await graph.release(fault)
    made = await schedule(doctor, "visit")
    [in_teams] = await meetings(graph, made.json["id"])
    cancelled = await doctor.ask(f"/meetings/{made.json['id']}", "DELETE")
    # Now Graph does what it was asked for first.
    await made_in_teams(client, stack, in_teams["externalId"])

    await tidy.run()

    assert (unanswered.status, made.status, cancelled.status) == (503, 201, 204)
    assert await ids_in_teams(graph) == before
    assert rows_about(stack, made.json["id"]) == []


async def test_of_two_changes_that_teams_refuses_neither_is_kept(
    one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    doctor, patient = people(one_host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    call = (await schedule(doctor, "visit", lobby="everyone")).json["id"]
    elsewhere = doctor.at(await start_host())
    slow = await graph.fault("update", status=400, hold="before", times=1)
    await graph.fault("update", status=400)

    first = asyncio.create_task(schedule(doctor, "visit", {"users": []}, subject="Slow"))
    await graph.held(slow)
    second = await schedule(elsewhere, "visit", {"users": []}, subject="Quick")
    await graph.release(slow)

    assert {(await first).json["code"], second.json["code"]} == {"meeting-refused"}
    opened = (await patient.open(call)).json
    assert (opened["title"], opened["lobby"]["scope"]) == ("Visit", "everyone")
    assert await patient.calls() == [call]
    assert [one["subject"] for one in await meetings(graph, call)] == ["Visit"]


async def test_an_export_tells_with_whom_where_and_how_one_meets(
    one_host: Host, people: People, graph: Control
) -> None:
    doctor, patient = people(one_host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    call = (await schedule(doctor, "visit", lobby="everyone")).json["id"]
    group = str(uuid.uuid4())
    await doctor.share(group, {"space": "garden of exports"})

    held = (await doctor.export()).json["held"]["invitations"]
    theirs = (await patient.export()).json["held"]["invitations"]

    [in_teams] = await meetings(graph, call)
    exported = {one["kind"]: one for one in held}
    visit, in_space = exported["teamsMeeting"], exported["groupCall"]
    assert visit["audience"] == {"users": [patient.id]}
    assert in_teams["joinWebUrl"] in visit["locator"]
    details = visit["joinDetails"]
    assert datetime.fromisoformat(details.pop("checkedAt")) <= datetime.now(UTC)
    assert details == {
        "meetingId": in_teams["joinMeetingIdSettings"]["joinMeetingId"],
        "passcode": in_teams["joinMeetingIdSettings"]["passcode"],
        "lobby": "everyone",
        "requestedLobby": "everyone",
    }
    assert in_space["audience"] == {"space": "garden of exports"}
    assert group in in_space["locator"]
    # Of another's call what is listed.
    [invited] = theirs
    assert (invited["callId"], invited["role"], invited["title"]) == (call, "invitee", "Visit")
    assert invited["startsAt"] == stamp(NOON).replace("Z", ".000Z")
    assert invited.keys().isdisjoint({"locator", "audience", "joinDetails"})
