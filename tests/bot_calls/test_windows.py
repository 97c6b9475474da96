"""The whole flow, with people in windows: they call a bot, its menu connects them to others, and
the service calls them.
"""

import asyncio
import time

from tests.bot_calls.incoming import CAROL, Line, people_in, pressed, subscribe
from tests.bot_calls.incoming_fixtures import alice, carol, line
from tests.calls.test_calls import DONE_SECONDS, has, in_acs, is_connected, place, watched
from tests.support.people import Person
from tests.support.stack import Host
from tests.support.stack_windows import OpenWindow, accept, window_of

__all__ = ["alice", "carol", "line", "window_of"]


async def listened_to(line: Line) -> None:
    """The bot has greeted, and waits for a key."""
    call, deadline = await line.call(), time.monotonic() + DONE_SECONDS
    while "recognize" not in (await in_acs(line.acs, call))["media"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_bot_answers_a_window_and_a_key_connects_it_to_the_window_of_carol(
    line: Line, one_host: Host, alice: Person, carol: Person, window_of: OpenWindow
) -> None:
    await subscribe(line.acs, one_host)
    caller, agent = await window_of(alice), await window_of(carol)

    await caller.send("call", to=line.bot_id)

    await caller.state("connected", caller.user, line.bot_id)
    heard = await caller.next("play", lambda play: play["state"] == "started")
    assert "Carol" in heard["text"]
    await listened_to(line)
    await caller.send("press", key=CAROL)
    await accept(agent)
    for window in (caller, agent):
        await window.state("connected", caller.user, line.bot_id, agent.user)
    await caller.send("signal", to=agent.id, data={"candidate": {}})
    await agent.next("signal")
    seen = await line.seen(has(2))
    assert people_in(seen) == {alice.id, carol.id}
    assert pressed(seen) == [CAROL]


async def test_the_service_calls_a_person_whose_window_rings(
    manager: Person, alice: Person, window_of: OpenWindow
) -> None:
    window = await window_of(alice)
    placed = await place(manager, {"user": alice.id})
    assert placed.status == 201, placed

    await accept(window)

    await window.state("connected")
    await watched(manager, placed.json["id"], is_connected)
    path = f"/calls/{placed.json['id']}"
    assert (await manager.ask(path, "DELETE")).status in (200, 202, 204)
    assert (await window.state("ended"))["reason"] in ("hungUp", "terminated")


async def test_a_revocation_at_the_service_closes_the_window(
    alice: Person, window_of: OpenWindow
) -> None:
    window = await window_of(alice)

    assert (await alice.ask("/token", "DELETE")).status in (200, 204)

    assert (await window.closed())[0] == 4401
