"""Trouble with Graph is told truthfully and in time, and a repetition makes one meeting."""

import asyncio
from collections.abc import Awaitable

import pytest

from shared.operate.tidy import Tidy
from tests.meetings.test_meetings import meetings
from tests.meetings.visits import CHANGED, FIRST, are_as, planned
from tests.privacy.test_erasure import rows_about
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.people import People
from tests.support.stack import Host, Stack

LIMIT = 10  # seconds: what UPSTREAM_TIMEOUT_SECONDS is where nothing is set
TRIES = 3  # of a request that fails
FAULTS: dict[str, dict[str, object]] = {
    "dropped before the effect": {"drop": "before"},
    "dropped after the effect": {"drop": "after"},
    "503 before the effect": {"status": 503},
    "503 after the effect": {"status": 503, "hold": "after"},
    "throttled for a second": {"status": 429, "retryAfter": 1},
    "throttled without a hint": {"status": 429},
}
# The others are like this.
QUICK = {"dropped after the effect"}


async def in_trouble(
    graph: Control, spec: dict[str, object], times: dict[str, int], *requests: Awaitable[Reply]
) -> list[Reply]:
    """The answers to requests of which Graph gets so many wrong, of each operation."""
    faults = [
        await graph.fault(operation, **spec, times=1)
        for operation, number in times.items()
        for _ in range(number)
    ]
    async with asyncio.timeout(LIMIT):
        answers = asyncio.gather(*requests)
        if "hold" in spec:
            for fault in faults:
                await graph.held(fault)
                await graph.release(fault)
        replies = await answers
    await graph.clear()
    return replies


def is_told(reply: Reply, spec: dict[str, object]) -> None:
    assert reply.status == spec.get("status", 503), reply
    assert int(reply.headers["Retry-After"]) >= 1
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, id=name, marks=() if name in QUICK else pytest.mark.slow)
        for name, spec in FAULTS.items()
    ],
)
async def test_lasting_trouble_with_graph_is_told_and_its_repetition_makes_one_meeting(
    stack: Stack,
    graph: Control,
    one_host: Host,
    people: People,
    tidy: Tidy,
    spec: dict[str, object],
) -> None:
    to_change, to_cancel, to_erase, *firsts = await planned(
        people, one_host, ["change", "cancel", "erase", "createOrGet", "update"]
    )
    for visit in (to_change, to_cancel, to_erase):
        visit.call = (await visit.schedule(FIRST)).json["id"]
    created = (await graph.state())["created"]

    def first_round() -> list[Awaitable[Reply]]:
        return [firsts[0].schedule(FIRST), to_cancel.cancel(), to_erase.doctor.forget()]

    def second_round() -> list[Awaitable[Reply]]:
        return [firsts[1].schedule(FIRST), to_change.schedule(CHANGED)]

    # aiohttp tries those that are dropped, of some methods, once more each.
    lasting = TRIES if "hold" in spec else 2 * TRIES
    times = {"createOrGet": lasting, "delete": 2 * lasting}
    troubled = await in_trouble(graph, spec, times, *first_round())
    troubled += await in_trouble(graph, spec, {"update": 2 * lasting}, *second_round())
    for reply in troubled:
        is_told(reply, spec)
    settled = await asyncio.gather(*first_round(), *second_round())

    # What was shared before Graph got `update` wrong is there.
    assert [reply.status for reply in settled] == [201, 204, 204, 200, 200]
    firsts[0].call, firsts[1].call = settled[0].json["id"], settled[3].json["id"]
    assert (await graph.state())["created"] == created + len(firsts)
    await tidy.run()  # it finds nothing to do, but to remove the intents
    gone = (to_cancel.call, to_erase.call)
    assert await meetings(graph, *gone) == []
    assert rows_about(stack, *gone) == []
    await are_as(FIRST, stack, graph, firsts)
    await are_as(CHANGED, stack, graph, [to_change])


async def test_passing_trouble_with_graph_is_not_noticed(
    stack: Stack, graph: Control, one_host: Host, people: People
) -> None:
    visits = await planned(people, one_host, list(FAULTS))
    created = (await graph.state())["created"]

    for visit, spec in zip(visits, FAULTS.values(), strict=True):
        once = {"createOrGet": 1, "update": 1}
        [reply] = await in_trouble(graph, spec, once, visit.schedule(FIRST))
        assert reply.status == 201, visit.at
        visit.call = reply.json["id"]
    await are_as(FIRST, stack, graph, visits)
    assert (await graph.state())["created"] == created + len(visits)

    for visit, spec in zip(visits, FAULTS.values(), strict=True):
        [reply] = await in_trouble(graph, spec, {"delete": 1}, visit.cancel())
        assert reply.status == 204, visit.at
    assert await meetings(graph, *(visit.call for visit in visits)) == []
