"""Meetings made, cancelled and erased at the same time, or where Teams fails in between."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from shared.operate.tidy import Tidy
from tests.meetings.test_meeting_organizers import (
    ALICE,
    BEHIND_ENTRA,
    Employee,
    alice,
    organizer_of,
)
from tests.meetings.test_meetings import NOON, SCHEDULER, meetings, schedule, stamp
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.people import People, Person, befriend
from tests.support.ports import free_port
from tests.support.stack import Host, Stack, StartHost

__all__ = ["alice"]


async def test_an_erasure_without_a_token_for_graph_is_not_done(
    stack: Stack, one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    nowhere = f"http://127.0.0.1:{free_port()}/msi/token"
    cut_off = doctor.at(await start_host(IDENTITY_ENDPOINT=nowhere))

    assert (await cut_off.forget()).status == 503
    assert len(await meetings(graph, call)) == 1
    assert (await doctor.forget()).status == 204

    assert await meetings(graph, call) == []
    assert rows_about(stack, doctor.id, call) == []


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 403}])
async def test_an_erasure_does_not_wait_for_what_teams_will_not_do(
    stack: Stack, one_host: Host, people: People, graph: Control, fault: dict[str, Any]
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    await graph.fault("delete", **fault)

    assert (await doctor.forget()).status == 204

    assert rows_about(stack, doctor.id, call) == []
    assert "stays in Teams" in one_host.log.read_text()


async def test_a_redirect_is_no_deletion(one_host: Host, people: People, graph: Control) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    await graph.fault("delete", status=302)

    refused = await doctor.ask(f"/meetings/{call}", "DELETE")
    [fault] = (await graph.get("faults"))["faults"]
    kept = await meetings(graph, call)
    await graph.clear()
    deleted = await doctor.ask(f"/meetings/{call}", "DELETE")

    assert (refused.status, refused.json["code"]) == (503, "graph-unavailable")
    assert fault["hits"] == 1  # it is nothing that passes
    assert [one["subject"] for one in kept] == ["Visit"]
    assert deleted.status == 204
    assert await meetings(graph, call) == []


async def test_a_change_that_teams_refuses_is_not_kept_here(
    one_host: Host, people: People, graph: Control
) -> None:
    doctor, patient = people(one_host, "doctor", "patient")
    doctor.sign_in(*SCHEDULER)
    await befriend(doctor, patient)
    call = (await schedule(doctor, "visit", lobby="everyone")).json["id"]
    await graph.fault("update", status=400)

    changed = await schedule(doctor, "visit", subject="Refused", lobby="organizer")
    fresh = await schedule(doctor, "another visit")

    assert {reply.json["code"] for reply in (changed, fresh)} == {"meeting-refused"}
    opened = (await patient.open(call)).json
    assert (opened["title"], opened["lobby"]["scope"]) == ("Visit", "everyone")
    assert await patient.calls() == [call]
    assert [one["subject"] for one in await meetings(graph, call)] == ["Visit"]


async def test_a_cancelling_that_meets_the_meeting_made_anew_cancels_that_too(
    stack: Stack,
    counted_host: Host,
    one_host: Host,
    people: People,
    graph: Control,
    table_faults: Control,
) -> None:
    [doctor] = people(counted_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    call = (await schedule(doctor, "visit")).json["id"]
    fault = await table_faults.fault("update", hold="after", times=1)  # it is to be cancelled

    cancelling = asyncio.create_task(doctor.ask(f"/meetings/{call}", "DELETE"))
    await table_faults.held(fault)
    again = await schedule(doctor.at(one_host), "visit")
    await table_faults.release(fault)

    assert (again.status, (await cancelling).status) == (200, 204)
    assert await meetings(graph, call) == []
    assert rows_about(stack, call) == []


async def made_without_an_answer(graph: Control, doctor: Person) -> str:
    """The call id of a meeting that Graph has made, of which nobody was told."""
    before = {one["externalId"] for one in (await graph.state())["meetings"]}
    await graph.fault("createOrGet", drop="after")
    assert (await schedule(doctor, "visit")).status == 503
    await graph.clear()
    after = {one["externalId"] for one in (await graph.state())["meetings"]}
    [external_id] = after - before
    return str(external_id).partition(".")[0]


async def test_a_late_cancellation_does_not_touch_a_meeting_that_was_made_anew(
    one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    elsewhere = doctor.at(await start_host())
    call = await made_without_an_answer(graph, doctor)
    # To be cancelled, by the row; Graph is asked which meeting it is.
    fault = await graph.fault("createOrGet", hold="before", times=1)

    late = asyncio.create_task(doctor.ask(f"/meetings/{call}", "DELETE"))
    await graph.held(fault)
    assert (await elsewhere.ask(f"/meetings/{call}", "DELETE")).status == 204
    again = await schedule(elsewhere, "visit", subject="Anew")
    await graph.release(fault)

    assert ((await late).status, again.status) == (204, 201)
    [left] = await meetings(graph, call, again.json["id"])
    assert left["subject"] == "Anew"
    opened = await elsewhere.open(again.json["id"])
    assert opened.json["locator"] == {"meetingLink": left["joinWebUrl"]}


async def test_a_late_cancellation_that_is_not_noted_yet_does_not_touch_it_either(
    stack: Stack,
    counted_host: Host,
    one_host: Host,
    people: People,
    graph: Control,
    table_faults: Control,
    tidy: Tidy,
) -> None:
    [doctor] = people(counted_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    elsewhere = doctor.at(one_host)
    call = await made_without_an_answer(graph, doctor)
    fault = await table_faults.fault("update", hold="before", times=1)  # it is to be cancelled

    late = asyncio.create_task(doctor.ask(f"/meetings/{call}", "DELETE"))
    await table_faults.held(fault)
    assert (await elsewhere.ask(f"/meetings/{call}", "DELETE")).status == 204
    again = await schedule(elsewhere, "visit")
    await table_faults.release(fault)

    assert ((await late).status, again.status) == (204, 201)
    assert len(await meetings(graph, again.json["id"])) == 1
    assert (await elsewhere.open(again.json["id"])).status == 200
    await tidy.run()
    assert await meetings(graph, call) == []
    assert rows_about(stack, call) == []


async def test_a_late_request_of_an_erased_person_leaves_the_meeting_of_the_next_one(
    one_host: Host, start_host: StartHost, people: People, graph: Control
) -> None:
    [before] = people(one_host, "doctor")
    before.sign_in(*SCHEDULER)
    await before.token()
    elsewhere = await start_host()
    fault = await graph.fault("createOrGet", hold="after", times=1)
    late = asyncio.create_task(schedule(before, "visit"))
    await graph.held(fault)
    assert (await before.at(elsewhere).forget()).status == 204
    after = before.at(elsewhere)
    after.sign_in(*SCHEDULER)
    made = await schedule(after, "visit", subject="Of who came after")
    await graph.release(fault)

    assert (made.status, (await late).status) == (201, 401)
    call = made.json["id"]
    [in_teams] = await meetings(graph, call)
    assert in_teams["subject"] == "Of who came after"
    assert (await after.open(call)).json["locator"] == {"meetingLink": in_teams["joinWebUrl"]}


async def test_a_policy_that_comes_and_goes_leaves_one_meeting(
    client: aiohttp.ClientSession,
    alice: Employee,
    start_host: StartHost,
    graph: Control,
) -> None:
    fault = await graph.fault("createOrGet", hold="after", times=1)
    first = asyncio.create_task(alice.schedule("flapping"))
    await graph.held(fault)
    await graph.tenant(users={ALICE: {"policy": False}})
    elsewhere = Employee(client, await start_host(**BEHIND_ENTRA), ALICE)
    second = await elsewhere.schedule("flapping")
    await graph.tenant()
    await graph.release(fault)
    replies = [await first, second]

    assert [reply.status for reply in replies] == [200, 201]
    [call] = {reply.json["id"] for reply in replies}
    [in_teams] = await meetings(graph, call)
    opened = await alice.ask(f"/invitations/{call}")
    assert opened.json["locator"] == {"meetingLink": in_teams["joinWebUrl"]}
    assert organizer_of(in_teams) != ALICE


async def test_a_change_to_sooner_does_not_let_the_meeting_be_forgotten(
    one_host: Host, people: People, graph: Control
) -> None:
    [doctor] = people(one_host, "doctor")
    doctor.sign_in(*SCHEDULER)
    far = datetime.now(UTC) + timedelta(days=300)
    body = {"startsAt": stamp(far), "endsAt": stamp(far + timedelta(hours=1))}
    await schedule(doctor, "visit", **body)
    await graph.fault("update", status=503)
    assert (await schedule(doctor, "visit")).status == 503

    [row] = (await doctor.export()).json["held"]["meetings"]

    assert datetime.fromisoformat(row["endsAt"]) > NOON + timedelta(days=200)
