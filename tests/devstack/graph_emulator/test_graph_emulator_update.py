"""PATCH of a meeting: the fields that it changes, leaves alone or refuses."""

from typing import Any

import pytest

from tests.devstack.graph_emulator.graph_fixtures import BOB, GraphCaller, emulator, graph, issuer

__all__ = ["emulator", "graph", "issuer"]

START, END = "2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"


async def patch(graph: GraphCaller, meeting: Any, body: object) -> Any:
    answer = await graph.call("PATCH", f"/{meeting['id']}", body)
    assert answer.status == 200, answer
    assert (await graph.call("GET", f"/{meeting['id']}")).json == answer.json
    return answer.json


async def test_what_is_sent_changes_and_the_rest_stays(graph: GraphCaller) -> None:
    meeting = (await graph.create_or_get("x", subject="Old")).json
    changes = {
        "subject": "New",
        "startDateTime": START,
        "endDateTime": END,
        "allowedPresenters": "organizer",
        "allowMeetingChat": "limited",
        "recordAutomatically": True,
    }

    assert await patch(graph, meeting, changes) == {**meeting, **changes}


async def test_lobby_settings_change_one_by_one(graph: GraphCaller) -> None:
    meeting = await graph.create(lobbyBypassSettings={"scope": "everyone"})

    changed = await patch(graph, meeting, {"lobbyBypassSettings": {"isDialInBypassEnabled": True}})

    assert changed["lobbyBypassSettings"] == {"scope": "everyone", "isDialInBypassEnabled": True}


async def test_attendees_are_replaced_as_a_whole(graph: GraphCaller) -> None:
    carla, dirk = {"upn": "carla@example.com"}, {"upn": "dirk@example.com", "role": "coorganizer"}
    meeting = await graph.create(participants={"attendees": [carla, dirk]})

    changed = await patch(graph, meeting, {"participants": {"attendees": [dirk]}})
    same = await patch(graph, meeting, {"participants": {}})

    participants = changed["participants"]
    assert [who["upn"] for who in participants["attendees"]] == ["dirk@example.com"]
    assert participants["organizer"] == meeting["participants"]["organizer"]
    assert same == changed


async def test_a_subject_can_be_taken_away(graph: GraphCaller) -> None:
    meeting = await graph.create(subject="Old")

    assert (await patch(graph, meeting, {"subject": None}))["subject"] is None


async def test_a_meeting_is_still_found_after_it_changed(graph: GraphCaller) -> None:
    meeting = (await graph.create_or_get("x", subject="Old")).json
    await patch(graph, meeting, {"subject": "New"})

    found = await graph.find("JoinWebUrl", meeting["joinWebUrl"])

    assert found.json["value"][0]["subject"] == "New"
    assert (await graph.create_or_get("x")).json["subject"] == "New"


@pytest.mark.parametrize(
    "body",
    [
        {"startDateTime": START},
        {"endDateTime": END},
        {"startDateTime": END, "endDateTime": START},
        {"participants": {"organizer": {"upn": "bob@example.com"}}},
        {"participants": {"organizer": {"identity": {"user": {"id": BOB}}}, "attendees": []}},
        {"joinMeetingIdSettings": {"isPasscodeRequired": False}},
        {"externalId": "another"},
        {"joinWebUrl": "https://example.com"},
        {"chatInfo": {}},
        {"allowedPresenters": "roleIsPresenter"},
        {"allowedPresenters": "roleIsPresenter", "participants": {"attendees": [{"upn": "c"}]}},
        {"allowedPresenters": None},
        {"lobbyBypassSettings": {"scope": "unknownFutureValue"}},
        {"subject": "New", "topic": "x"},
        [],
        None,
    ],
    ids=str,
)
async def test_what_cannot_be_changed_changes_nothing(graph: GraphCaller, body: Any) -> None:
    meeting = (await graph.create_or_get("x", subject="Old")).json

    answer = await graph.call("PATCH", f"/{meeting['id']}", body)

    assert answer.error[:2] == (400, "BadRequest")
    assert (await graph.call("GET", f"/{meeting['id']}")).json == meeting


async def test_nobody_elses_meeting_can_be_changed(graph: GraphCaller) -> None:
    meeting = await graph.create(subject="Old")

    answer = await graph.call("PATCH", f"/{meeting['id']}", {"subject": "New"}, user=BOB)

    assert answer.error[:2] == (404, "NotFound")
    assert (await graph.call("GET", f"/{meeting['id']}")).json == meeting
