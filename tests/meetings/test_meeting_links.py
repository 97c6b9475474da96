"""Meetings that people have made, shared by their link."""

import pytest

from shared.meetings.links import teams_link
from tests.support.control import Control
from tests.support.people import FRIENDS, People, befriend
from tests.support.stack import Host

SHORT = "https://teams.microsoft.com/meet/2345678901234?p=abc"
# As Graph and Outlook write it.
LONG = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_YzY0N2E0NWYtNDM1Mi00%40thread.v2/0"
    "?context=%7b%22Tid%22%3a%22acde0000-0000-4000-8000-000000007072%22%2c"
    "%22Oid%22%3a%22acde0000-0000-4000-8000-000000000b0b%22%7d"
)
OTHER_SPELLINGS = [
    LONG.replace("teams.microsoft.com", "Teams.Microsoft.COM:443"),
    LONG.replace("https", "HTTPS"),
    LONG.replace("%3a", "%3A"),
    LONG.replace("%3a", ":").replace("%40", "@"),
    LONG.replace("%7b", "{").replace("%7d", "}").replace("%22", '"').replace("%2c", ","),
    f"{LONG}#top",
    LONG.replace("/0?", "/0/?"),
]


@pytest.mark.parametrize("found", [True, False])
async def test_a_link_is_shared_as_people_made_it(
    one_host: Host, people: People, graph: Control, found: bool
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    link = SHORT
    if found:
        link = (await graph.meeting("alice", subject="Planning"))["joinWebUrl"]
    body = {"joinWebUrl": link, "title": "Ours", "audience": FRIENDS}

    first = await alice.ask("/meetings", "PUT", body)
    again = await alice.ask("/meetings", "PUT", body)

    # Entra did not sign her in, so the service does not look for the meeting.
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
        "https://teams.microsoft.com/meet/",
        "https://teams.microsoft.com/meet/2345678901234?p=",
        "https://teams.microsoft.com/l/meetup-join/",
        "https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc",
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
        "is not a link to join a Teams meeting",
    )


async def test_one_meeting_has_one_id_however_its_link_is_spelled(
    one_host: Host, people: People
) -> None:
    [alice] = people(one_host, "alice")
    audience = {"space": f"one link of {alice.id}"}

    replies = [
        await alice.ask("/meetings", "PUT", {"joinWebUrl": link, "audience": audience})
        for link in (LONG, *OTHER_SPELLINGS)
    ]

    assert [reply.status for reply in replies] == [201] + [200] * len(OTHER_SPELLINGS)
    assert len({reply.json["id"] for reply in replies}) == 1
    assert {reply.json["locator"]["meetingLink"] for reply in replies} == {LONG}


@pytest.mark.parametrize("link", [LONG, SHORT])
def test_a_link_of_teams_keeps_the_spelling_that_teams_gives_it(link: str) -> None:
    assert teams_link(link) == link
    assert teams_link(link.replace("teams.microsoft.com", "Gov.Teams.Microsoft.US"))


def test_a_blank_in_a_link_is_a_plus_or_an_escape() -> None:
    spaced = LONG.replace("%2c", "%2c%20")

    assert teams_link(spaced) == spaced
    assert teams_link(LONG.replace("%2c", "%2c+")) == spaced
    assert teams_link(f"{SHORT}%2b") == f"{SHORT}%2b"


@pytest.mark.parametrize("link", [LONG, LONG.replace("%3a", ":").replace("%40", "@")])
def test_a_long_link_is_whole_or_none(link: str) -> None:
    cut_off = {link[:length] for length in range(len(link)) if teams_link(link[:length])}

    # Where the context begins nobody can tell: such a link has all that names the meeting.
    assert cut_off <= {link.partition("?")[0]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://teams.microsoft.com/meet/1?p=abc", "https://teams.microsoft.com/meet/1?p=ABC"),
        ("https://teams.microsoft.com/meet/1?p=a", "https://teams.cloud.microsoft/meet/1?p=a"),
        ("https://teams.microsoft.com/meet/1%2f2", "https://teams.microsoft.com/meet/1/2"),
        (
            "https://teams.microsoft.com/meet/1?p=a%26b=c",
            "https://teams.microsoft.com/meet/1?p=a&b=c",
        ),
        ("https://teams.microsoft.com/meet/1?p=%ff", "https://teams.microsoft.com/meet/1?p=%fe"),
    ],
)
def test_links_that_differ_are_two_meetings(one: str, other: str) -> None:
    assert len({teams_link(one), teams_link(other), None}) == 3
