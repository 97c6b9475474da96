"""Meetings looked at and deleted: get, find by filter, select, delete."""

import base64
from urllib.parse import quote

import pytest

from tests.devstack.graph_emulator.graph_fixtures import (
    ALICE,
    BOB,
    GraphCaller,
    emulator,
    graph,
    issuer,
)

__all__ = ["emulator", "graph", "issuer"]

JOIN_ID = "joinMeetingIdSettings/joinMeetingId"
PREFER = {"Prefer": "odata.maxpagesize=5, Include-Unknown-Enum-Members"}


class TestGet:
    async def test_shows_the_meeting_as_it_was_made(self, graph: GraphCaller) -> None:
        meeting = await graph.create(subject="Review")

        answer = await graph.call("GET", f"/{meeting['id']}")

        assert (answer.status, answer.json) == (200, meeting)
        assert (await graph.call("GET", f"/{meeting['id']}", user=ALICE.upper())).json == meeting

    async def test_what_is_not_there_is_not_found(self, graph: GraphCaller) -> None:
        meeting = await graph.create()
        text = base64.b64decode(meeting["id"]).decode()
        other = base64.b64encode(text.replace("meeting_", "meeting_A").encode()).decode()

        assert (await graph.call("GET", f"/{quote(other, '')}")).error[:2] == (404, "NotFound")

    async def test_somebody_elses_meeting_is_not_found(self, graph: GraphCaller) -> None:
        meeting = await graph.create()

        for method in ("GET", "DELETE"):
            answer = await graph.call(method, f"/{meeting['id']}", user=BOB)
            assert answer.error[:3] == (404, "NotFound", f"Organizer Id mismatch User Id: {BOB}.")

    @pytest.mark.parametrize("meeting_id", ["x", "MSo0", "19%3ameeting_x%40thread.v2", "%FF"])
    async def test_what_is_no_id_is_told_apart(self, graph: GraphCaller, meeting_id: str) -> None:
        answer = await graph.call("GET", f"/{meeting_id}")

        assert answer.error[:3] == (400, "BadRequest", "Meeting Id is corrupted.")

    async def test_gives_what_is_selected(self, graph: GraphCaller) -> None:
        meeting = await graph.create(subject="Review")

        chosen = await graph.call("GET", f"/{meeting['id']}?$select=subject,%20joinWebUrl")
        wrong = await graph.call("GET", f"/{meeting['id']}?$select=topic")

        assert chosen.json.keys() == {"@odata.context", "subject", "joinWebUrl"}
        assert wrong.error[:2] == (400, "BadRequest")

    @pytest.mark.parametrize("scope", ["invited", "organizationExcludingGuests"])
    async def test_late_lobby_scopes_are_shown_to_clients_that_ask_for_them(
        self, graph: GraphCaller, scope: str
    ) -> None:
        meeting = await graph.create(lobbyBypassSettings={"scope": scope})

        plain = await graph.call("GET", f"/{meeting['id']}")
        asked = await graph.call("GET", f"/{meeting['id']}", headers=PREFER)

        assert meeting["lobbyBypassSettings"]["scope"] == "unknownFutureValue"
        assert plain.json["lobbyBypassSettings"]["scope"] == "unknownFutureValue"
        assert asked.json["lobbyBypassSettings"]["scope"] == scope
        assert asked.headers["preference-applied"] == "include-unknown-enum-members"
        assert "preference-applied" not in plain.headers


class TestFind:
    async def test_by_the_url_and_by_the_id_to_join(self, graph: GraphCaller) -> None:
        meeting = await graph.create(subject="Review")
        await graph.create(subject="Another")
        content = {name: meeting[name] for name in meeting if name != "@odata.context"}
        join_id = meeting["joinMeetingIdSettings"]["joinMeetingId"]

        for name, text in (
            ("JoinWebUrl", meeting["joinWebUrl"]),
            ("joinWebUrl", meeting["joinWebUrl"]),
            (JOIN_ID, join_id),
        ):
            answer = await graph.find(name, text)
            assert answer.status == 200
            assert answer.json == {
                "@odata.context": "https://graph.microsoft.com/v1.0/$metadata"
                f"#users('{ALICE}')/onlineMeetings",
                "value": [content],
            }

    async def test_a_url_that_is_not_encoded_is_another_url(self, graph: GraphCaller) -> None:
        meeting = await graph.create()

        once = f"?$filter=JoinWebUrl%20eq%20'{meeting['joinWebUrl'].replace('&', '%26')}'"

        assert (await graph.call("GET", once)).json["value"] == []

    async def test_quotes_are_doubled(self, graph: GraphCaller) -> None:
        assert (await graph.find("JoinWebUrl", "it's")).json["value"] == []
        single = await graph.call("GET", "?$filter=JoinWebUrl%20eq%20'it's'")
        assert single.error[:2] == (400, "BadRequest")

    async def test_what_nobody_has_is_an_empty_collection(self, graph: GraphCaller) -> None:
        answer = await graph.find("JoinWebUrl", "https://teams.microsoft.com/l/meetup-join/x")

        assert (answer.status, answer.json["value"]) == (200, [])

    async def test_somebody_elses_meeting_is_forbidden(self, graph: GraphCaller) -> None:
        meeting = await graph.create()

        answer = await graph.find("JoinWebUrl", meeting["joinWebUrl"], user=BOB)

        assert answer.error[:2] == (403, "Forbidden")
        assert answer.error[2].startswith("3003:")

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?$filter=",
            "?$filter=subject%20eq%20'x'",
            "?$filter=JoinWebUrl%20ne%20'x'",
            "?$filter=JoinWebUrl%20eq%20x",
            "?$filter=JoinWebUrl%20eq%20'x'%20or%20JoinWebUrl%20eq%20'y'",
            "?$filter=JoinWebUrl%20eq%20'x'&$top=1",
        ],
    )
    async def test_other_searches_are_refused(self, graph: GraphCaller, query: str) -> None:
        assert (await graph.call("GET", query)).error[:2] == (400, "BadRequest")

    async def test_gives_what_is_selected(self, graph: GraphCaller) -> None:
        meeting = await graph.create()
        join_id = meeting["joinMeetingIdSettings"]["joinMeetingId"]

        answer = await graph.call("GET", f"?$filter={JOIN_ID}%20eq%20'{join_id}'&$select=id")

        assert answer.json["value"] == [{"id": meeting["id"]}]


class TestDelete:
    async def test_a_deleted_meeting_is_gone(self, graph: GraphCaller) -> None:
        meeting = await graph.create()

        deleted = await graph.call("DELETE", f"/{meeting['id']}")

        assert (deleted.status, deleted.text) == (204, "")
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"subject": "x"})):
            answer = await graph.call(method, f"/{meeting['id']}", body)
            assert answer.error[:2] == (404, "NotFound")
        assert (await graph.find("JoinWebUrl", meeting["joinWebUrl"])).json["value"] == []

    async def test_its_external_id_is_free_again(self, graph: GraphCaller) -> None:
        first = (await graph.create_or_get("x")).json
        await graph.call("DELETE", f"/{first['id']}")

        second = await graph.create_or_get("x")

        assert second.status == 201
        assert second.json["id"] != first["id"]
