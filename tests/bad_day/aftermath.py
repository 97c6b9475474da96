"""After a bad day: Tidy ends what requests have left, and all that is stored agrees."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Any

import aiohttp

from shared.tables import INTENTS, MEETINGS
from tests.bad_day.cast import Cast
from tests.meetings.test_meetings import call_of
from tests.operate.test_check_data import check_data
from tests.support.stack import Host, Stack
from tests.support.storage import table
from tests.support.tidying import make_due, tidy

# Runs of Tidy that are enough: an intent may lead to another, such as a call's end to its removal.
_RUNS = 4
# What waits, however often Tidy comes: for the end of a call that a test has left, and for an hour
# after somebody withdrew a request to be friends.
_WAIT = {"place", "withdrawn"}
# An identity in ACS that was made for somebody who has another one by now, because their request
# came twice: if one of the two is cut off while it deletes that identity, its record is left.
_SPARES = {"spare-left", "reverse-without-mapping"}
_FOUND = re.compile(r"^FOUND ([a-z-]+):", re.MULTILINE)
_INTERNAL_ERRORS = re.compile(r"^.*: 500 (?:internal-error|misconfigured) .*$", re.MULTILINE)


async def settled_and_sound(cast: Cast) -> str:
    """Have Tidy end all that was left, and see that everything agrees.

    Returns:
        What was left and what the operator's check printed, for people.
    """
    left = await tidied(cast.stack, cast.client, cast.hosts.all[0])
    assert internal_errors([host.log for host in cast.hosts.all]) == []
    assert await calls_that_go_on(cast) == []
    assert await meetings_that_differ(cast) == {}
    return f"left to Tidy: {dict(left)}\n{await all_agrees(cast.stack)}"


async def suite_settled_and_sound(stack: Stack) -> None:
    """The same after a run of the suite, when nothing fails any more."""
    assert internal_errors(sorted((stack.folder / "hosts").glob("*.log"))) == []
    host = stack.host()
    await host.start()
    try:
        async with aiohttp.ClientSession() as client:
            await tidied(stack, client, host, but=_WAIT)
            for _ in range(_RUNS):  # ends that were told to a host that has gone
                await make_due(stack, "place")
                await tidy(client, stack, host)
        await all_agrees(stack)
    finally:
        host.kill()


async def tidied(
    stack: Stack, client: aiohttp.ClientSession, host: Host, *, but: Set[str] = frozenset()
) -> Counter[str]:
    """Have Tidy end all that is left, but for some kinds; the kinds of what was."""
    first = left = await _kinds_left(stack, but)
    for _ in range(_RUNS):
        if not left:
            return first
        await make_due(stack, *left)
        await tidy(client, stack, host)
        left = await _kinds_left(stack, but)
    raise AssertionError(f"Tidy does not end {dict(left)}")


async def all_agrees(stack: Stack) -> str:
    """What the operator's check prints about all that is stored.

    There is no finding but identities that nobody has, and some others; the check's own repair
    deletes those.
    """
    done = await asyncio.to_thread(check_data, stack.settings, "--rate", "2000")
    found = set(_FOUND.findall(done.stdout))
    assert found <= _SPARES, done.stdout + done.stderr
    assert (done.returncode == 0) == (not found), done.stdout + done.stderr
    if not found:
        return done.stdout
    repair = ("--rate", "2000", "--repair", "--yes")
    repaired = await asyncio.to_thread(check_data, stack.settings, *repair)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    return done.stdout + repaired.stdout


def internal_errors(logs: Iterable[Path]) -> list[str]:
    """The lines of the hosts' logs about answers that no failure of others excuses."""
    return [
        line
        for log in logs
        for line in _INTERNAL_ERRORS.findall(log.read_text("utf-8", errors="replace"))
    ]


async def calls_that_go_on(cast: Cast) -> list[dict[str, Any]]:
    """In ACS, of those that these hosts have placed or answered: all journeys have hung up."""
    return [
        call
        for call in await cast.acs.calls()
        if call["callConnectionState"] != "disconnected"
        and call["callbackUri"].startswith(f"{cast.address}/")
    ]


async def meetings_that_differ(cast: Cast) -> dict[str, tuple[int, int]]:
    """How many there are in Teams and in our rows, by call id, where it is not one each."""
    async with table(cast.stack, MEETINGS) as rows:
        ours = Counter([row["RowKey"] async for row in rows.list_entities() if "making" in row])
    state = await cast.graph.state()
    teams = Counter(call_of(one) for one in state["meetings"])
    made = cast.meetings | ours.keys()
    return {
        call: (teams[call], ours[call])
        for call in sorted(made)
        if (teams[call], ours[call]) not in ((0, 0), (1, 1))
    }


async def _kinds_left(stack: Stack, but: Set[str]) -> Counter[str]:
    async with table(stack, INTENTS) as rows:
        kinds = [row["kind"] async for row in rows.list_entities() if "kind" in row]
    return Counter(kind for kind in kinds if kind not in but)
