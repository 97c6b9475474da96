"""Every Teams meeting is joined as before, and none is made a second time."""

from datetime import timedelta
from typing import Any

from devstack.issuer.users import object_id
from shared.app import App
from shared.meetings.graph import MeetingPlan
from shared.sharing.audiences import Audience
from tests.golden.client import Client, Json
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import ENTRA_REALM, START, signed_in, user
from tests.support.control import Control

ALICE, BOB, CAROL, DAVE = (object_id(who) for who in ("alice", "bob", "carol", "dave"))
ROUND = "1299b41be6d42ac1b3222e5323d7ac80e5ee4b5edce99ac4ca4829dd6f6d18dc"
VISIT = "1fab8509c324cd262d2d50b8a376f4e440617003cf14eeb93fce6ca1c32ff2a5"
WARD = "e7192484024749e7277f00c380ad161ba32df9cfcf250d5521814ede654118cb"
QUIZ = "6e5de016f8c0d5b18f9be514f20dd4c1215bb0fba83609d931d1f5fd6a5a8207"
CHECK_UP = "6de570cd2072c3fb99b3652ca6e2d69fa8b1242f42fcc59ec330d0366bf67594"
LOST = "50b322085a5c369da79f5fd3eb526d714584dd28a4c4af3d704e8c34e9d9093f"
CANCELLED = "63083e7251c5fba321ab5ee7aac8f4817c600e3299d7a5c13e8a75165f95c14a"
LOST_AND_CANCELLED = "82c866105693e3be8887afbd991133b7e59abc0e8ee2aa50cfbe03a7ab9d1e3c"
MARKED = "93a8170c51319ac3ab04853bf9164cd0d539a5d876b13fc81fba27561e1525a9"

# What Graph calls them: the visit's own id, and ours of those whose answers were lost.
VISIT_IN_GRAPH = (
    "MSphY2RlMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwYTExY2UqMCoqMTk6bWVldGluZ19ZMk14T1Rjd01qVXRObVUz"
    "T1MwME9HSmtMVGt4WTJRdFpHRmlZelV5TXpWa1ltTTFAdGhyZWFkLnYy"
)
LOST_IN_GRAPH = f"{LOST}.666d06b3b65942018dd13edd61a015e8"
MARKED_IN_GRAPH = f"{MARKED}.8e193100811d4b7f8ebbe6ca7df30922"
LOST_AND_CANCELLED_IN_GRAPH = f"{LOST_AND_CANCELLED}.8a5110a897e64f57913fdfe702644dc9"

EVENING = START + timedelta(hours=6)
PLAN = MeetingPlan("Visit", EVENING, EVENING + timedelta(hours=1), "everyone")
FRIENDS = Audience(friends=True)


def link(thread: str, organizer: str) -> str:
    tenant = "acde0000-0000-4000-8000-000000007072"
    return (
        f"https://teams.microsoft.com/l/meetup-join/19%3ameeting_{thread}%40thread.v2/0"
        f"?context=%7b%22Tid%22%3a%22{tenant}%22%2c%22Oid%22%3a%22{organizer}%22%7d"
    )


VISIT_LINK = link("Y2MxOTcwMjUtNmU3OS00OGJkLTkxY2QtZGFiYzUyMzVkYmM1", ALICE)


def meeting(
    id_: str, title: str, url: str, host: tuple[str, str], *, mine: bool, **times: str
) -> Json:
    return {
        "id": id_,
        "kind": "teamsMeeting",
        "title": title,
        "locator": {"meetingLink": url},
        **times,
        "host": {"id": host[0], "displayName": host[1]},
        "mine": mine,
    }


def lobby(scope: str | None, *, waits: bool | None, presenters: bool = True) -> Json:
    return {
        "waits": waits,
        "scope": scope,
        "admittedBy": ["organizer", "coOrganizer", *(["presenter"] if presenters else [])],
        "policyMayRefuse": True,
        "checkedAt": "2026-11-28T12:00:00.000Z" if scope else None,
    }


OPENED: list[tuple[str, str, Json]] = [
    (
        "paula",
        ENTRA_REALM,
        meeting(
            VISIT,
            "Visit",
            VISIT_LINK,
            ("alex", "Dr. Alex"),
            mine=False,
            startsAt="2026-11-28T18:00:00.000Z",
            endsAt="2026-11-28T19:00:00.000Z",
        )
        | {
            "alternatives": [{"meetingId": "2813458691186", "passcode": "OjvdPx"}],
            "dialIn": {
                "tollNumber": "+1 425-555-0100",
                "tollFreeNumber": "+18005550100",
                "conferenceId": "382817358",
            },
            "lobby": lobby("everyone", waits=False),
        },
    ),
    (
        "alex",
        ENTRA_REALM,
        meeting(
            ROUND,
            "Round",
            link("M2RmZTQ2OTctYzA1Ni00YzdiLWIwNmYtNmYyODY5NTYwYjAw", ALICE),
            ("alex", "Dr. Alex"),
            mine=True,
            startsAt="2026-11-28T18:00:00.000Z",
            endsAt="2026-11-28T20:00:00.000Z",
        )
        | {
            "alternatives": [{"meetingId": "2563961072534"}],
            "lobby": lobby("organization", waits=True),
        },
    ),
    (
        "paula",
        ENTRA_REALM,
        meeting(
            WARD,
            "Ward round",
            link("YzY0N2E0NWYtNDM1Mi00NzFmLTk5ZjctNWFiOTg0NzM1ZjVj", BOB),
            ("nora", "Nora Nurse"),
            mine=False,
            startsAt="2026-11-28T18:00:00.000Z",
            endsAt="2026-11-28T18:30:00.000Z",
        )
        | {
            "alternatives": [{"meetingId": "2068902053706"}],
            "lobby": lobby("invited", waits=True, presenters=False),
        },
    ),
    (
        "vic",
        ENTRA_REALM,
        meeting(
            CHECK_UP,
            "Visit",
            link("NzEwNDU5YzEtYzdlMy00OTQxLThiMTgtNjdkOTEzODk2MDhm", CAROL),
            ("vic", "Vic Vet"),
            mine=True,
            startsAt="2026-11-28T18:00:00.000Z",
            endsAt="2026-11-28T19:00:00.000Z",
        )
        | {
            "alternatives": [{"meetingId": "2667868432495", "passcode": "Wt37OZ"}],
            "lobby": lobby("everyone", waits=False) | {"checkedAt": "2026-11-28T12:30:00.000Z"},
        },
    ),
    (
        "rolf",
        "https://login.golden.example",
        meeting(
            QUIZ,
            "Quiz",
            "https://teams.microsoft.com/meet/26799912345678?p=GoldenPasscode",
            ("gwen", "Gwen Guest"),
            mine=False,
        )
        | {"alternatives": [], "lobby": lobby(None, waits=None)},
    ),
]


async def test_everybody_joins_a_meeting_as_before(sign_in: SignIn) -> None:
    opened = [
        (who, realm, await sign_in(user(who, realm)).invitation(one["id"]))
        for who, realm, one in OPENED
    ]

    assert opened == OPENED


async def test_an_export_tells_of_every_meeting_that_was_made(sign_in: SignIn) -> None:
    made = {
        who: (await sign_in(user(who, realm)).export())["meetings"]
        for who, realm in (
            ("alex", ENTRA_REALM),
            ("sue", "https://login.golden.example"),
            ("tom", "https://login.golden.example"),
        )
    }

    assert made == {
        "alex": [
            {"callId": ROUND, "endsAt": "2026-11-28T20:00:00.000Z"},
            {"callId": VISIT, "endsAt": "2026-11-28T19:00:00.000Z"},
        ],
        "sue": [{"callId": LOST, "endsAt": "2026-11-28T19:00:00.000Z"}],
        "tom": [
            {"callId": CANCELLED, "endsAt": "2026-11-28T19:00:00.000Z"},
            {"callId": LOST_AND_CANCELLED, "endsAt": "2026-11-28T19:00:00.000Z"},
        ],
    }


async def test_a_meeting_that_was_made_is_found_by_graphs_id_and_not_made_again(
    app: App, graph: Control, changing: Changing
) -> None:
    """Graph knows the meeting by its id alone: any other request to Graph makes the test fail."""
    changing("meetings", "invitations", "sharedcalls")
    alex = signed_in(user("alex", ENTRA_REALM), "Dr. Alex", object_id=ALICE)
    told = _as_graph_tells()
    found = await graph.fault("get", status=200, body=told)
    changed = await graph.fault("update", status=200, body=told)
    made = await graph.fault("createOrGet", status=500)

    shared, people, is_new = await app.meetings.schedule(alex, "visit 1", PLAN, FRIENDS)

    assert (shared.call_id, people, is_new) == (VISIT, 1, False)
    hits = {one["id"]: one["hits"] for one in (await graph.get("faults"))["faults"]}
    assert hits == {found: 1, changed: 1, made: 0}
    opened = await Client(app, alex).invitation(VISIT)
    assert opened["locator"] == {"meetingLink": VISIT_LINK}
    assert opened["alternatives"] == [{"meetingId": "2813458691186", "passcode": "OjvdPx"}]


def _as_graph_tells() -> dict[str, Any]:
    return {
        "id": VISIT_IN_GRAPH,
        "joinWebUrl": VISIT_LINK,
        "subject": "Visit",
        "startDateTime": "2026-11-28T18:00:00Z",
        "endDateTime": "2026-11-28T19:00:00Z",
        "joinMeetingIdSettings": {"joinMeetingId": "2813458691186", "passcode": "OjvdPx"},
        "lobbyBypassSettings": {"scope": "everyone"},
    }


async def test_a_meeting_whose_answer_was_lost_is_found_by_our_id_and_not_made_again(
    app: App, graph: Control, changing: Changing
) -> None:
    """The meeting as the golden stack's Graph had made it; its answer never came."""
    changing("meetings", "invitations", "sharedcalls")
    assert app.graph is not None
    in_graph = await app.graph.create_or_get(DAVE, LOST_IN_GRAPH, PLAN)
    sue = signed_in("sue", "Sue Sands")

    shared, _, _ = await app.meetings.schedule(sue, "lost answer", PLAN, FRIENDS)

    assert shared.call_id == LOST
    assert shared.content.locator == {"meetingLink": in_graph.link}
    assert await _external_ids(graph, LOST) == [LOST_IN_GRAPH]
    await app.meetings.cancel(sue, LOST)
    assert await _external_ids(graph, LOST) == []


async def test_a_meeting_whose_mark_may_be_taken_back_is_not_deleted_when_it_is_scheduled_again(
    app: App, graph: Control, changing: Changing
) -> None:
    changing("meetings", "invitations", "sharedcalls")
    assert app.graph is not None
    in_graph = await app.graph.create_or_get(DAVE, MARKED_IN_GRAPH, PLAN)
    deleted = await graph.fault("delete", status=204)
    uma = signed_in("uma", "Uma Ueda")

    shared, _, _ = await app.meetings.schedule(uma, "marked", PLAN, FRIENDS)

    assert shared.call_id == MARKED
    assert shared.content.locator == {"meetingLink": in_graph.link}
    hits = {one["id"]: one["hits"] for one in (await graph.get("faults"))["faults"]}
    assert hits == {deleted: 0}
    await graph.clear()
    await app.meetings.cancel(uma, MARKED)
    assert await _external_ids(graph, MARKED) == []


async def test_a_meeting_that_was_being_cancelled_is_deleted_when_that_is_repeated(
    app: App, graph: Control, sign_in: SignIn, changing: Changing
) -> None:
    """One by Graph's id, one by ours; the organizer of both is not the person who cancels."""
    changing("meetings", "invitations", "sharedcalls")
    assert app.graph is not None
    await app.graph.create_or_get(DAVE, LOST_AND_CANCELLED_IN_GRAPH, PLAN)
    tom = signed_in("tom", "Tom Tate")

    await app.meetings.cancel(tom, LOST_AND_CANCELLED)
    assert await _external_ids(graph, LOST_AND_CANCELLED) == []
    deleted = await graph.fault("delete", status=204)
    await app.meetings.cancel(tom, CANCELLED)

    hits = {one["id"]: one["hits"] for one in (await graph.get("faults"))["faults"]}
    assert hits == {deleted: 1}
    exported = await sign_in("tom").export()
    assert (exported["meetings"], exported["invitations"]) == ([], [])


async def _external_ids(graph: Control, call_id: str) -> list[str]:
    """Of the meetings in Graph that were made for a call."""
    meetings = (await graph.state())["meetings"]
    return [one["externalId"] for one in meetings if (one["externalId"] or "").startswith(call_id)]
