"""A person or a bot is erased while a bot is called: nothing of the call is left, at whatever
moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.bot_calls.incoming import Line, Ringing
from tests.bot_calls.incoming_fixtures import alice, line
from tests.calls.test_calls import DONE_SECONDS
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, Stack
from tests.support.storage import mapping_key

__all__ = ["alice", "line"]

STEPS = [
    Step("tables", "batch", 0, "before"),
    Step("tables", "insert", 1, "before"),
    Step("tables", "insert", 2, "before"),
    Step("tables", "insert", 3, "before"),
    Step("tables", "update", 0, "before"),
    Step("acs", "answerCall", 0, "before"),
    Step("acs", "answerCall", 0, "after"),
    Step("tables", "update", 1, "before"),
    Step("tables", "update", 1, "after"),
]
# The erasure finds the call by the bot's or the caller's index. It removes the call's keys before
# there is a record of the call, so Event Grid has to report the call again.
OVERTAKEN = {
    "bot": [Step("tables", "insert", 1, "before"), Step("tables", "insert", 2, "before")],
    "caller": [Step("tables", "insert", 2, "before")],
}


async def held(
    control: Control, step: Step, telling: Coroutine[Any, Any, Reply]
) -> tuple[str, asyncio.Task[Reply]]:
    """A delivery that waits at a step, by a fault."""
    for _ in range(step.skip):
        await control.fault(step.operation, delayMs=0, times=1)
    fault = await control.fault(step.operation, hold=step.moment, times=1)
    task = asyncio.create_task(telling)
    await control.held(fault)
    return fault, task


@pytest.mark.parametrize("who", ["bot", "caller"])
async def test_who_is_erased_while_a_bot_is_called_leaves_no_call(
    line: Line,
    stack: Stack,
    acs: Control,
    counted_host: Host,
    controls: dict[str, Control],
    people: People,
    who: str,
    sample: Few,
) -> None:
    """Erases several people and bots, each at another step of the answering of a call."""
    steps = sample(STEPS)
    await acs.put("callbacks", {"hold": True})
    callers = people(line.manager.host, *(f"caller {n}" for n in range(len(steps))))
    lines = [await line.at(counted_host).of(f"bot {n} of {line.bot}") for n in range(len(steps))]
    calls = [await one.ring(caller) for one, caller in zip(lines, callers, strict=True)]
    waiting = [
        await held(controls[step.where], step, one.deliver(ringing))
        for step, one, ringing in zip(steps, lines, calls, strict=True)
    ]

    erasing = [one.remove() for one in lines] if who == "bot" else [p.forget() for p in callers]
    erased = await asyncio.gather(*erasing)
    for step, (fault, _) in zip(steps, waiting, strict=True):
        await controls[step.where].release(fault)
    told = await asyncio.gather(*(task for _, task in waiting))
    again = [await one.deliver(ringing) for one, ringing in zip(lines, calls, strict=True)]
    await acs.put("callbacks", {})

    assert {reply.status for reply in erased} == {204}
    gone = "no-bot" if who == "bot" else "stranger"
    results = [reply.json.get("results", reply.json.get("code")) for reply in told]
    assert results == ["conflict" if step in OVERTAKEN[who] else [gone] for step in steps]
    assert [reply.json for reply in again] == [{"results": [gone]}] * len(steps)
    for ringing in calls:
        async with asyncio.timeout(DONE_SECONDS):
            while await states_in_acs(line, ringing) - {"disconnected"}:
                await asyncio.sleep(0.02)
    sides = [ringing["to" if who == "bot" else "from"]["rawId"] for ringing in calls]
    assert rows_about(stack, *sides) == []
    indexes = rows_about(stack, *(mapping_key(stack, caller.id) for caller in callers))
    assert [row for row in indexes if "bot" in row or row["RowKey"] == "live"] == []


async def states_in_acs(line: Line, ringing: Ringing) -> set[str]:
    return {one["callConnectionState"] for one in await line.in_acs(ringing)}


@pytest.mark.parametrize("status", [404, 400, 503])
async def test_a_bot_that_is_removed_before_acs_refuses_leaves_no_call_either(
    line: Line,
    stack: Stack,
    acs: Control,
    counted_host: Host,
    table_faults: Control,
    alice: Person,
    status: int,
) -> None:
    there, ringing = line.at(counted_host), await line.ring(alice)
    await acs.fault("answerCall", status=status)
    fault, telling = await held(table_faults, STEPS[0], there.deliver(ringing))

    assert (await line.remove()).status == 204
    await table_faults.release(fault)
    await telling
    await acs.clear()

    assert (await there.deliver(ringing)).json == {"results": ["no-bot"]}
    assert rows_about(stack, line.bot_id) == []
