"""The tenant that the emulator stands for: its users, policies and licences, its looks."""

import re
from typing import Any

import pytest

from tests.devstack.graph_emulator.graph_fixtures import (
    ALICE,
    APP_ID,
    BOB,
    NOBODY,
    GraphCaller,
    emulator,
    graph,
    issuer,
)

__all__ = ["emulator", "graph", "issuer"]

DEFAULTS = {
    "policy": True,
    "users": {},
    "joinWebUrls": "long",
    "passcodes": True,
    "audioConferencing": False,
}
NO_POLICY = f"No application access policy found for this app {APP_ID} on the user"


class TestUsers:
    @pytest.mark.parametrize("user", [NOBODY, "alice@example.com", "alice", "%F0%9F%90%88"])
    async def test_others_than_object_ids_of_the_tenant_are_unknown(
        self, graph: GraphCaller, user: str
    ) -> None:
        answer = await graph.call("POST", "", {}, user=user)

        assert answer.error[:3] == (404, "UnknownError", "")
        assert (await graph.call("GET", "/x", user=user)).error[:2] == (404, "UnknownError")

    async def test_whoever_is_named_is_in_the_tenant(self, graph: GraphCaller) -> None:
        await graph.tenant(users={NOBODY: {}})

        meeting = await graph.create(user=NOBODY)

        assert meeting["participants"]["organizer"]["identity"]["user"]["id"] == NOBODY


class TestApplicationAccessPolicy:
    async def test_without_one_apps_act_for_nobody(self, graph: GraphCaller) -> None:
        meeting = await graph.create()
        await graph.tenant(policy=False)

        for answer in (
            await graph.call("POST", "", {}),
            await graph.create_or_get("x"),
            await graph.call("GET", f"/{meeting['id']}"),
            await graph.find("JoinWebUrl", meeting["joinWebUrl"]),
            await graph.call("PATCH", f"/{meeting['id']}", {"subject": "x"}),
            await graph.call("DELETE", f"/{meeting['id']}"),
        ):
            assert answer.error[:3] == (403, "Forbidden", NO_POLICY)
        assert (await graph.state())["created"] == 1

    async def test_a_users_own_goes_before_that_for_all(self, graph: GraphCaller) -> None:
        await graph.tenant(policy=False, users={ALICE: {"policy": True}})
        assert (await graph.call("POST", "", {})).status == 201
        assert (await graph.call("POST", "", {}, user=BOB)).status == 403

        await graph.tenant(users={ALICE: {"policy": False}})
        assert (await graph.call("POST", "", {})).status == 403
        assert (await graph.call("POST", "", {}, user=BOB)).status == 201


async def test_who_has_no_licence_has_no_meetings(graph: GraphCaller) -> None:
    await graph.tenant(users={ALICE: {"licensed": False}})

    answer = await graph.create_or_get("x")

    assert answer.error[:2] == (403, "Forbidden")
    assert "licence" in answer.error[2]


class TestLooks:
    async def test_short_urls_name_meeting_id_and_nothing_else(self, graph: GraphCaller) -> None:
        await graph.tenant(joinWebUrls="short")

        meeting = (await graph.create_or_get("x")).json

        join_id = meeting["joinMeetingIdSettings"]["joinMeetingId"]
        url = meeting["joinWebUrl"]
        assert re.fullmatch(rf"https://teams\.microsoft\.com/meet/{join_id}\?p=\w+", url)
        (found,) = (await graph.find("JoinWebUrl", url)).json["value"]
        assert found["id"] == meeting["id"]

    async def test_meetings_may_be_without_passcodes(self, graph: GraphCaller) -> None:
        await graph.tenant(passcodes=False)

        meeting = await graph.create()
        asked = await graph.create(joinMeetingIdSettings={"isPasscodeRequired": True})

        assert meeting["joinMeetingIdSettings"]["isPasscodeRequired"] is False
        assert meeting["joinMeetingIdSettings"]["passcode"] is None
        assert asked["joinMeetingIdSettings"]["passcode"]

    async def test_meetings_may_be_dialled_into(self, graph: GraphCaller) -> None:
        await graph.tenant(audioConferencing=True)

        audio = (await graph.create())["audioConferencing"]

        assert audio["conferenceId"] in audio["dialinUrl"]
        assert audio["tollNumber"]


class TestByHand:
    async def test_a_meeting_of_a_person_is_found_by_its_url(self, graph: GraphCaller) -> None:
        wanted = {"subject": "Lunch", "lobbyBypassSettings": {"scope": "everyone"}}

        made = await graph.by_hand("bob", meeting=wanted)

        (found,) = (await graph.find("JoinWebUrl", made["joinWebUrl"], user=BOB)).json["value"]
        assert found == made
        assert found["subject"] == "Lunch"
        assert found["lobbyBypassSettings"]["scope"] == "everyone"
        assert (await graph.state())["requests"]["create"] == 0

    async def test_it_looks_as_it_should(self, graph: GraphCaller) -> None:
        short = await graph.by_hand(ALICE, joinWebUrls="short")
        old = await graph.by_hand(joinWebUrls="short", joinMeetingId=False)

        assert "/meet/" in short["joinWebUrl"]
        assert old["joinMeetingIdSettings"] is None
        assert "/l/meetup-join/" in old["joinWebUrl"]
        assert (await graph.call("GET", f"/{old['id']}")).json["joinMeetingIdSettings"] is None

    async def test_no_policy_and_no_licence_is_needed(self, graph: GraphCaller) -> None:
        await graph.tenant(policy=False)

        assert await graph.by_hand("alice")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "user"),
            ({"user": NOBODY}, "user"),
            ({"user": "alice", "meeting": {"startDateTime": "x"}}, "meeting.startDateTime"),
            ({"user": "alice", "joinWebUrls": "medium"}, "joinWebUrls"),
            ({"user": "alice", "nonsense": 1}, "nonsense"),
            ([], ""),
        ],
        ids=str,
    )
    async def test_a_mistake_is_named(self, graph: GraphCaller, body: Any, field: str) -> None:
        answer = await graph.inspect("POST", "meetings", body)

        assert answer.status == 400
        assert [error["field"] for error in answer.json["errors"]] == [field]
        assert (await graph.state())["meetings"] == []


class TestSettings:
    async def test_can_be_seen_and_are_replaced_as_a_whole(self, graph: GraphCaller) -> None:
        assert (await graph.inspect("GET", "tenant")).json == DEFAULTS

        await graph.tenant(policy=False, users={BOB: {"licensed": False}})
        assert (await graph.inspect("GET", "tenant")).json == {
            **DEFAULTS,
            "policy": False,
            "users": {BOB: {"policy": None, "licensed": False}},
        }

        await graph.tenant()
        assert (await graph.inspect("GET", "tenant")).json == DEFAULTS

    @pytest.mark.parametrize(
        "spec",
        [
            None,
            [],
            {"policy": "no"},
            {"users": {"alice": {}}},
            {"users": {ALICE.upper(): {}}},
            {"users": {f"x{ALICE}": {}}},
            {"users": {ALICE: {"license": False}}},
            {"joinWebUrls": ""},
            {"x": 1},
        ],
        ids=str,
    )
    async def test_a_mistake_changes_nothing(self, graph: GraphCaller, spec: Any) -> None:
        answer = await graph.inspect("PUT", "tenant", spec)

        assert answer.status == 400
        assert answer.json["errors"]
        assert (await graph.inspect("GET", "tenant")).json == DEFAULTS
