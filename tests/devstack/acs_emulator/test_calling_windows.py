"""Windows that call each other, without an app."""

import uuid
from collections.abc import Callable

import pytest

from devstack.well_known import ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import calls
from tests.devstack.acs_emulator.window_fixtures import Json, Windows, windows

__all__ = ["calls", "emulator", "issuer", "windows"]


async def test_two_people_ring_answer_signal_and_leave(windows: Windows) -> None:
    alice, bob = await windows.open(name="Alice Adams"), await windows.open(name="Bob Brown")

    await alice.send("call", to=bob.user)
    assert (await alice.next("call"))["state"] == "ringing"
    ring = await bob.next("ring")
    assert ring["from"] == {"user": alice.user, "displayName": "Alice Adams"}
    await bob.send("answer", ring=ring["ring"], accept=True)

    assert (await bob.next("ringEnded"))["reason"] == "answered"
    call = await bob.state("connected")
    assert (call["kind"], call["locator"], call["reason"]) == ("direct", None, None)
    entries = {one["window"]: one["displayName"] for one in call["participants"]}
    assert entries == {alice.id: "Alice Adams", bob.id: "Bob Brown"}
    assert (await alice.state("connected"))["call"] == call["call"]
    offer = {"description": {"type": "offer", "sdp": "v=0\r\n"}}
    await alice.send("signal", to=bob.id, data=offer)
    assert await bob.next("signal") == {"type": "signal", "from": alice.id, "data": offer}

    await alice.send("leave")

    assert (await alice.state("ended"))["reason"] == "left"
    ended = await bob.state("ended")
    assert (ended["reason"], ended["participants"]) == ("hungUp", [])
    assert await bob.refusal("signal", to=alice.id, data={}) == "notInCall"


async def test_all_windows_of_a_person_ring_and_the_first_to_answer_wins(
    windows: Windows,
) -> None:
    alice, bob = await windows.open(), await windows.open()
    second = await windows.open(bob.user)
    await alice.send("call", to=bob.user)
    rings = [await one.next("ring") for one in (bob, second)]
    late = await windows.open(bob.user)  # it rings there, too
    rings.append(await late.next("ring"))
    assert len({ring["ring"] for ring in rings}) == 1

    await second.send("answer", ring=rings[0]["ring"], accept=True)

    assert (await second.next("ringEnded"))["reason"] == "answered"
    for window in (bob, late):
        assert (await window.next("ringEnded"))["reason"] == "answeredElsewhere"
        assert await window.refusal("answer", ring=rings[0]["ring"], accept=True) == "noSuchRing"
    call = await second.state("connected")
    assert {one["window"] for one in call["participants"]} == {alice.id, second.id}


async def test_a_window_that_declines_declines_for_all_windows(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open()
    second = await windows.open(bob.user)
    await alice.send("call", to=bob.user)
    await bob.send("answer", ring=(await bob.next("ring"))["ring"], accept=False)

    assert (await alice.state("ended"))["reason"] == "declined"
    for window in (bob, second):
        assert (await window.next("ringEnded"))["reason"] == "declined"


@pytest.mark.parametrize("how", ["leave", "close"])
async def test_it_stops_ringing_when_the_caller_gives_up(windows: Windows, how: str) -> None:
    alice, bob = await windows.open(), await windows.open()
    await alice.send("call", to=bob.user)
    ring = await bob.next("ring")

    if how == "leave":
        await alice.send("leave")
        assert (await alice.state("ended"))["reason"] == "left"
    else:
        await alice.socket.close()

    assert (await bob.next("ringEnded"))["reason"] == "canceled"
    assert await bob.refusal("answer", ring=ring["ring"], accept=True) == "noSuchRing"


async def test_nobody_answers_in_time(windows: Windows) -> None:
    await windows.calls.far_ends(secondMs=1)
    alice, bob = await windows.open(), await windows.open()

    await alice.send("call", to=bob.user)

    assert (await bob.next("ringEnded"))["reason"] == "noAnswer"
    assert (await alice.state("ended"))["reason"] == "noAnswer"


async def test_a_far_end_of_inspection_comes_before_the_window(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open()
    for answer, end in (("busy", "busy"), ("decline", "declined"), ("accept", "connected")):
        await windows.calls.far_ends({bob.user: {"answer": answer, "afterMs": 5}})
        await alice.send("call", to=bob.user)
        call = await alice.next("call", lambda one: one["state"] in ("ended", "connected"))
        assert end in (call["reason"], call["state"])
    assert {one["user"]: one["window"] for one in call["participants"]} == {
        alice.user: alice.id,
        bob.user: None,
    }
    assert not any(message["type"] == "ring" for message in bob.came)


async def test_who_has_no_window_and_who_does_not_exist_cannot_be_reached(
    windows: Windows,
) -> None:
    alice, stranger = await windows.open(), f"8:acs:{ACS_RESOURCE_ID}_{uuid.uuid4()}"

    for target in (await windows.person(), stranger, "4:+14255550123"):
        await alice.send("call", to=target)
        assert (await alice.state("ended"))["reason"] == "unreachable"


async def test_a_window_that_leaves_before_the_call_stands_has_not_accepted_it(
    windows: Windows,
) -> None:
    alice, bob = await windows.open(), await windows.open()
    await alice.send("call", to=bob.user)
    ring = await bob.next("ring")

    # Both are in one packet, so that nothing happens between them.
    await bob.send("answer", ring=ring["ring"], accept=True)
    await bob.send("leave")

    assert (await bob.state("ended"))["reason"] == "left"
    assert (await alice.state("ended"))["reason"] in ("declined", "hungUp")
    await windows.direct(alice, bob)


async def test_three_in_a_group_call_and_their_windows_one_by_one(windows: Windows) -> None:
    alice, bob, carol = [await windows.open() for _ in range(3)]
    group = await windows.group(alice, bob, carol)
    everybody = (alice.user, bob.user, carol.user)
    for window in (alice, bob):
        call = await window.state("connected", *everybody)
        assert (call["kind"], call["locator"]) == ("group", group)
    second = await windows.open(alice.user)
    await second.send("join", groupId=group)
    await second.state("connected", alice.user, *everybody)

    await alice.send("leave")
    await carol.state("connected", *everybody)  # by her second window, alice is still in the call
    await second.socket.close()
    await carol.state("connected", bob.user, carol.user)

    await bob.send("leave")
    await carol.state("connected", carol.user)  # a group call goes on with one
    await carol.send("leave")
    await windows.group(carol)


async def test_whoever_knows_the_id_joins_also_after_everybody_has_left(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open()
    group = await windows.group(alice)
    await alice.send("leave")

    await bob.send("join", groupId=group.upper())

    assert (await bob.state("connected", bob.user))["locator"] == group


async def test_the_sixth_window_is_refused_in_words(windows: Windows) -> None:
    five = [await windows.open() for _ in range(5)]
    sixth = await windows.open()
    group = await windows.group(*five)

    await sixth.send("join", groupId=group)

    refused = await sixth.next("refused")
    assert refused["code"] == "callFull"
    assert "5 windows" in refused["message"]
    await five[0].send("leave")
    await five[1].next("call", lambda one: len(one["participants"]) == 4)
    await sixth.send("join", groupId=group)
    await sixth.state("connected")


async def test_a_window_is_in_one_call(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open()
    group = await windows.group(alice)

    assert await alice.refusal("join", groupId=group) == "inCall"
    assert await alice.refusal("call", to=bob.user) == "inCall"
    assert await bob.refusal("leave") == "notInCall"
    assert await bob.refusal("mute", muted=True) == "notInCall"
    assert await bob.refusal("press", key="1") == "notInCall"
    await bob.send("call", to=alice.user)
    ring = await alice.next("ring")
    assert await alice.refusal("answer", ring=ring["ring"], accept=True) == "inCall"
    await alice.send("leave")
    await alice.send("answer", ring=ring["ring"], accept=True)
    await bob.state("connected")


async def test_meetings_need_the_graph_emulator(windows: Windows) -> None:
    alice = await windows.open()

    assert await alice.refusal("join", meetingLink="https://teams.example/1") == "unavailable"


async def test_signals_reach_nobody_outside_the_call(windows: Windows) -> None:
    alice, bob, carol = [await windows.open() for _ in range(3)]
    await windows.direct(alice, bob)
    await windows.group(carol)

    for target in (carol.id, alice.id, "nobody"):
        assert await alice.refusal("signal", to=target, data={}) == "notInCall"
    assert await carol.refusal("signal", to=alice.id, data={"candidate": {}}) == "notInCall"
    await carol.settled()
    assert not any(message["type"] == "signal" for message in carol.came)


async def test_others_see_who_is_muted(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open()
    await windows.group(alice, bob)

    def sees(*, muted: bool) -> Callable[[Json], bool]:
        wanted = {alice.id: muted, bob.id: False}
        return lambda call: wanted == {one["window"]: one["muted"] for one in call["participants"]}

    await alice.send("mute", muted=True)
    await bob.next("call", sees(muted=True))
    await alice.send("mute", muted=False)
    await bob.next("call", sees(muted=False))
