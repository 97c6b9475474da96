"""Meetings made by apps: create and createOrGet."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from devstack.graph_emulator.times import read_time, written_time
from tests.devstack.graph_emulator.graph_fixtures import (
    ALICE,
    BOB,
    TENANT,
    GraphCaller,
    emulator,
    graph,
    issuer,
)

__all__ = ["emulator", "graph", "issuer"]

START, END = "2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"
CARLA = {"upn": "carla@example.com", "identity": {"user": {"id": BOB}}}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestCreate:
    async def test_a_meeting_has_what_one_needs_to_join_it(self, graph: GraphCaller) -> None:
        meeting = await graph.create(subject="Review", startDateTime=START, endDateTime=END)

        thread = meeting["chatInfo"]["threadId"]
        assert meeting["subject"] == "Review"
        assert (meeting["startDateTime"], meeting["endDateTime"]) == (START, END)
        assert re.fullmatch(r"19:meeting_[A-Za-z0-9]+@thread\.v2", thread)
        assert unquote(meeting["joinWebUrl"]) == (
            f"https://teams.microsoft.com/l/meetup-join/{thread}/0"
            f'?context={{"Tid":"{TENANT}","Oid":"{ALICE}"}}'
        )
        joining = meeting["joinMeetingIdSettings"]
        assert joining["joinMeetingId"].isdecimal()
        assert joining["isPasscodeRequired"] is True
        assert joining["passcode"].isalnum()
        assert meeting["lobbyBypassSettings"] == {
            "scope": "organization",
            "isDialInBypassEnabled": False,
        }
        organizer = meeting["participants"]["organizer"]
        assert organizer["upn"] == "alice@example.com"
        assert organizer["identity"]["user"]["id"] == ALICE
        assert meeting["externalId"] is None
        assert meeting["audioConferencing"] is None
        assert meeting["joinInformation"]["contentType"] == "html"
        assert meeting["@odata.context"].endswith(f"users('{ALICE}')/onlineMeetings/$entity")

    async def test_every_meeting_is_another_one(self, graph: GraphCaller) -> None:
        first, second = await graph.create(subject="x"), await graph.create(subject="x")

        for name in ("id", "joinWebUrl", "chatInfo", "joinMeetingIdSettings"):
            assert first[name] != second[name]

    async def test_an_external_id_is_refused(self, graph: GraphCaller) -> None:
        for external_id in ("x", None):
            answer = await graph.call("POST", "", {"externalId": external_id})
            assert answer.error[:2] == (400, "BadRequest")
            assert "createOrGet" in answer.error[2]
        assert (await graph.state())["meetings"] == []

    async def test_options_can_be_set(self, graph: GraphCaller) -> None:
        meeting = await graph.create(
            lobbyBypassSettings={"scope": "everyone"},
            allowedPresenters="roleIsPresenter",
            participants={"attendees": [{**CARLA, "role": "presenter"}]},
            joinMeetingIdSettings={"isPasscodeRequired": False},
        )

        assert meeting["lobbyBypassSettings"]["scope"] == "everyone"
        assert meeting["allowedPresenters"] == "roleIsPresenter"
        (attendee,) = meeting["participants"]["attendees"]
        assert (attendee["upn"], attendee["role"]) == ("carla@example.com", "presenter")
        assert attendee["identity"]["user"]["id"] == BOB
        assert meeting["joinMeetingIdSettings"]["passcode"] is None

    @pytest.mark.parametrize(
        "body",
        [
            [],
            None,
            {"subject": 1},
            {"topic": "x"},
            {"id": "x"},
            {"joinWebUrl": "https://example.com"},
            {"startDateTime": "tomorrow"},
            {"startDateTime": "2026-12-01T09:00:00"},
            {"startDateTime": 5},
            {"startDateTime": "9999-12-31T23:59:59Z"},
            {"startDateTime": "0001-01-01T00:00:00+14:00"},
            {"lobbyBypassSettings": {"scope": "nobody"}},
            {"lobbyBypassSettings": None},
            {"recordAutomatically": "true"},
            {"allowedPresenters": "roleIsPresenter"},
            {"participants": {"attendees": [{"role": "presenter"}]}},
            {"joinMeetingIdSettings": {"isPasscodeRequired": True, "passcode": "mine"}},
        ],
        ids=str,
    )
    async def test_a_wrong_body_makes_no_meeting(self, graph: GraphCaller, body: Any) -> None:
        answer = await graph.call("POST", "", body)

        assert answer.error[:2] == (400, "BadRequest")
        assert (await graph.state())["meetings"] == []

    @pytest.mark.parametrize(
        "raw", [b"{", b"\xff", b'"x"', b"[" * 100_000, b'{"subject": "\\ud800"}']
    )
    async def test_what_is_no_json_object_is_refused(self, graph: GraphCaller, raw: bytes) -> None:
        assert (await graph.call("POST", raw=raw)).error[:2] == (400, "BadRequest")

    async def test_a_body_says_that_it_is_json(self, graph: GraphCaller) -> None:
        answer = await graph.call("POST", "", {}, headers={"Content-Type": "text/plain"})

        assert answer.error[:2] == (400, "BadRequest")

    async def test_annotations_of_sdks_are_ignored(self, graph: GraphCaller) -> None:
        kind = "#microsoft.graph.lobbyBypassSettings"
        meeting = await graph.create(
            **{"@odata.type": "#microsoft.graph.onlineMeeting", "subject@odata.type": "String"},
            lobbyBypassSettings={"@odata.type": kind, "scope": "organizer"},
        )

        assert meeting["lobbyBypassSettings"]["scope"] == "organizer"


class TestCreateOrGet:
    async def test_the_second_request_gets_what_the_first_made(self, graph: GraphCaller) -> None:
        first = await graph.create_or_get("it's", subject="First", startDateTime=START)
        second = await graph.create_or_get("it's", subject="Second")

        assert (first.status, second.status) == (201, 200)
        assert second.json == first.json
        assert first.json["externalId"] == "it's"

    async def test_a_meeting_belongs_to_user_and_external_id(self, graph: GraphCaller) -> None:
        answers = [
            await graph.create_or_get("a"),
            await graph.create_or_get("b"),
            await graph.create_or_get("a", user=BOB),
        ]

        assert {answer.status for answer in answers} == {201}
        assert len({answer.json["id"] for answer in answers}) == 3

    async def test_many_at_once_make_one_meeting(self, graph: GraphCaller) -> None:
        answers = await asyncio.gather(*(graph.create_or_get("x") for _ in range(20)))

        assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
        assert len({answer.json["id"] for answer in answers}) == 1
        assert (await graph.state())["created"] == 1

    async def test_other_properties_are_ignored(self, graph: GraphCaller) -> None:
        lobby = {"scope": "everyone"}
        answer = await graph.create_or_get(
            "x", lobbyBypassSettings=lobby, allowedPresenters="organizer", nonsense=1
        )

        assert answer.json["lobbyBypassSettings"]["scope"] == "organization"
        assert answer.json["allowedPresenters"] == "everyone"

    async def test_attendees_are_taken(self, graph: GraphCaller) -> None:
        answer = await graph.create_or_get("x", participants={"attendees": [CARLA]})

        (attendee,) = answer.json["participants"]["attendees"]
        assert (attendee["upn"], attendee["role"]) == ("carla@example.com", None)

    @pytest.mark.parametrize("body", [{}, {"externalId": ""}, {"externalId": 1}, []])
    async def test_an_external_id_is_needed(self, graph: GraphCaller, body: Any) -> None:
        assert (await graph.call("POST", "/createOrGet", body)).error[:2] == (400, "BadRequest")

    async def test_without_times_it_is_an_hour_from_now(self, graph: GraphCaller) -> None:
        meeting = (await graph.create_or_get("x")).json

        start = moment(meeting["startDateTime"])
        assert abs(datetime.now(UTC) - start) < timedelta(seconds=30)
        assert moment(meeting["endDateTime"]) - start == timedelta(hours=1)

    async def test_without_an_end_it_takes_an_hour(self, graph: GraphCaller) -> None:
        answer = await graph.create_or_get("x", startDateTime="2026-12-01T09:00:00.1234567+01:00")

        assert answer.json["startDateTime"] == "2026-12-01T08:00:00.1234567Z"
        assert answer.json["endDateTime"] == "2026-12-01T09:00:00.1234567Z"

    @pytest.mark.parametrize(
        "times", [{"endDateTime": END}, {"startDateTime": END, "endDateTime": START}]
    )
    async def test_times_that_make_no_sense_are_refused(
        self, graph: GraphCaller, times: dict[str, str]
    ) -> None:
        assert (await graph.create_or_get("x", **times)).error[:2] == (400, "BadRequest")
        await graph.create_or_get("x")
        assert (await graph.create_or_get("x", **times)).status == 400  # known already or not


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
        ("2026-12-01T09:00:00.1200000Z", "2026-12-01T09:00:00.12Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.9999999Z"),
        ("0001-01-01T00:00:00-01:30", "0001-01-01T01:30:00Z"),
    ],
)
def test_times_are_utc_with_as_many_digits_as_they_need(given: str, written: str) -> None:
    assert written_time(read_time(given)) == written
