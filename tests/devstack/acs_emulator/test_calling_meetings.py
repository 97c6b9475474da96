"""Teams meetings, which windows join by the links that the Graph emulator knows."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, issuer, running_emulator
from tests.devstack.acs_emulator.call_fixtures import calls
from tests.devstack.acs_emulator.window_fixtures import Window, Windows, windows
from tests.devstack.emulator_fixtures import Caller, EmulatorProcess, TokenIssuer, session_for
from tests.devstack.graph_emulator.graph_fixtures import running_graph

__all__ = ["calls", "issuer", "windows"]

ALICE = "8:orgid:acde0000-0000-4000-8000-0000000a11ce"


@pytest.fixture(scope="module")
def graph(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer
) -> Iterator[EmulatorProcess]:
    with running_graph(tmp_path_factory.mktemp("graph"), issuer.url) as running:
        yield running


@pytest.fixture(scope="module")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, issuer: TokenIssuer, graph: EmulatorProcess
) -> Iterator[AcsEmulator]:
    folder = tmp_path_factory.mktemp("acs")
    with running_emulator(folder, issuer.url, "--graph", graph.url) as running:
        yield running
        assert "Traceback" not in running.log


class Meeting:
    """A meeting, and the Teams user in it."""

    def __init__(self, windows: Windows, link: str) -> None:
        self._windows = windows
        self.link = link

    async def event(self, event: str, **more: object) -> int:
        body = {"meetingLink": self.link, "event": event, **more}
        return (await self._windows.calls.inspect("POST", "calling/meetings", body)).status

    async def join(self, window: Window) -> None:
        await window.send("join", meetingLink=self.link)


async def made(windows: Windows, graph: EmulatorProcess, scope: str) -> Meeting:
    body = {"user": "alice", "meeting": {"lobbyBypassSettings": {"scope": scope}}}
    async with session_for(graph) as session:
        answer = await Caller(session, graph).inspect("POST", "meetings", body)
    assert answer.status == 201, answer
    return Meeting(windows, answer.json["joinWebUrl"])


@pytest.fixture
async def meeting(windows: Windows, graph: EmulatorProcess) -> Meeting:
    return await made(windows, graph, "organization")


@pytest.fixture
async def open_meeting(windows: Windows, graph: EmulatorProcess) -> Meeting:
    return await made(windows, graph, "everyone")


async def test_windows_wait_until_a_teams_user_is_there_and_admits_them(
    windows: Windows, meeting: Meeting
) -> None:
    bob, carol = await windows.open(name="Bob"), await windows.open(name="Carol")
    for window in (bob, carol):
        await meeting.join(window)
        lobby = await window.state("lobby")
        assert (lobby["kind"], lobby["locator"], lobby["participants"]) == (
            "meeting",
            meeting.link,
            [],
        )
    assert await bob.refusal("signal", to=carol.id, data={}) == "notInCall"
    assert await meeting.event("admits") == 400  # nobody is there to do so
    assert await meeting.event("teamsUserJoins", name="alice") == 204
    await bob.settled()
    assert bob.last_state == "lobby"

    assert await meeting.event("admits", participant=bob.user) == 204

    call = await bob.state("connected", ALICE, bob.user)
    entries: dict[str, Any] = {one["user"]: one for one in call["participants"]}
    assert entries[ALICE]["window"] is None
    assert entries[ALICE]["displayName"] == "Alice Adams"
    assert await meeting.event("admits") == 204
    for window in (bob, carol):
        await window.state("connected", ALICE, bob.user, carol.user)


async def test_who_is_not_admitted_is_out_and_may_ask_again(
    windows: Windows, meeting: Meeting
) -> None:
    bob = await windows.open()
    await meeting.event("teamsUserJoins")
    await meeting.join(bob)
    await bob.state("lobby")

    assert await meeting.event("denies") == 204

    assert (await bob.state("ended"))["reason"] == "denied"
    await meeting.join(bob)
    await bob.state("lobby")


async def test_everyone_is_let_in_but_never_before_a_teams_user_is_there(
    windows: Windows, open_meeting: Meeting
) -> None:
    bob, carol = await windows.open(), await windows.open()
    await open_meeting.join(bob)
    await bob.state("lobby")

    await open_meeting.event("teamsUserJoins", name="alice")

    await bob.state("connected", ALICE, bob.user)
    await open_meeting.join(carol)
    await carol.state("connected", ALICE, bob.user, carol.user)
    assert await open_meeting.event("teamsUserLeaves", name="alice") == 204
    await bob.state("connected", bob.user, carol.user)
    late = await windows.open()
    await open_meeting.join(late)
    await late.state("lobby")


async def test_a_window_of_a_teams_user_opens_the_meeting_too(
    windows: Windows, issuer: TokenIssuer, open_meeting: Meeting
) -> None:
    oid = str(uuid.uuid4())
    entra = issuer.token(appid="app", oid=oid, exp=int(time.time()) + 600, aud="anything")
    body = {"token": entra, "appId": "app", "userId": oid}
    answer = await windows.calls.call("POST", "/teamsUser/:exchangeAccessToken", body)
    organizer = await windows.welcomed(answer.json["token"], f"8:orgid:{oid}")
    bob = await windows.open()
    await open_meeting.join(bob)
    await bob.state("lobby")

    await open_meeting.join(organizer)

    for window in (organizer, bob):
        await window.state("connected", organizer.user, bob.user)


async def test_who_leaves_the_lobby_is_not_in_the_meeting(
    windows: Windows, meeting: Meeting
) -> None:
    bob = await windows.open()
    await meeting.join(bob)
    await bob.state("lobby")

    await bob.send("leave")

    assert (await bob.state("ended"))["reason"] == "left"
    await meeting.event("teamsUserJoins")
    assert await meeting.event("admits") == 204
    await bob.settled()
    assert bob.last_state == "ended"


@pytest.mark.parametrize("link", ["https://teams.microsoft.com/l/meetup-join/none", "x", "a&b=c"])
async def test_a_link_that_nobody_knows_is_refused(windows: Windows, link: str) -> None:
    bob = await windows.open()

    assert await bob.refusal("join", meetingLink=link) == "noSuchMeeting"
    assert await Meeting(windows, link).event("teamsUserJoins") == 400
