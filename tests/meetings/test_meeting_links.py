"""Meetings that people have made, shared by their link."""

import pytest

from tests.support.control import Control
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host


@pytest.mark.parametrize("found", [True, False])
async def test_a_link_is_shared_as_people_made_it(
    one_host: Host, people: People, graph: Control, found: bool
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    link = "https://teams.microsoft.com/meet/2345678901234?p=abc"
    if found:
        link = (await graph.meeting("alice", subject="Planning"))["joinWebUrl"]
    body = {"joinWebUrl": link, "title": "Ours", "audience": FRIENDS}

    first = await alice.ask("/meetings", "PUT", body)
    again = await alice.ask("/meetings", "PUT", body)

    # Entra did not sign her in: nobody looks for it.
    assert (first.status, again.status) == (201, 200)
    opened = (await bob.open(first.json["id"])).json
    assert (opened["locator"], opened["alternatives"]) == ({"meetingLink": link}, [])
    assert (opened["title"], opened["lobby"]["waits"]) == ("Ours", None)


async def test_cancelling_a_shared_link_deletes_nothing_in_teams(
    one_host: Host, people: People, graph: Control
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    made = await graph.meeting("alice", subject="Planning")
    body = {"joinWebUrl": made["joinWebUrl"], "audience": FRIENDS}
    call = (await alice.ask("/meetings", "PUT", body)).json["id"]
    before = await graph.state()

    assert (await alice.ask(f"/meetings/{call}", "DELETE")).status == 204

    assert await bob.calls() == []
    assert await graph.state() == before


@pytest.mark.parametrize(
    "link",
    [
        "http://teams.microsoft.com/meet/1?p=a",
        "https://teams.microsoft.com.evil.example/meet/1",
        "https://evil.example/l/meetup-join/1",
        "https://teams.microsoft.com@evil.example/meet/1",
        "https://teams.microsoft.com:8443/meet/1",
        "https://teams.microsoft.com/other",
        "https://teams.live.com/meet/1",
        "https://teams.microsoft.com/meet/1 2",
        "javascript:alert(1)",
        "",
    ],
)
async def test_what_is_no_link_of_teams_is_refused(
    one_host: Host, people: People, link: str
) -> None:
    [alice] = people(one_host, "alice")

    reply = await alice.ask("/meetings", "PUT", {"joinWebUrl": link, "audience": FRIENDS})

    assert reply.status == 400
    [fault] = reply.json["errors"]
    assert (fault["field"], fault["message"]) == (
        "joinWebUrl",
        "is no link to join a Teams meeting",
    )
