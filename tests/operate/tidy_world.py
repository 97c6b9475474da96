"""Shared by the tests of Tidy: a clock, and finishers and sweepers that may fail."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.intents import SHARDS, Intent, Intents, Places, RunNote
from shared.keys import key
from shared.operate.tidy import Report, Tidy

LATER = timedelta(minutes=1, milliseconds=1)


def in_first_shard(kind: str, most: int) -> list[str]:
    """Subjects whose intents of this kind are in the first of the shards."""
    subjects = map(str, range(1000))
    return [one for one in subjects if int(key(kind, one)[:8], 16) % len(SHARDS) == 0][:most]


class Clock:
    """In the past, where no other test's intents are due."""

    def __init__(self) -> None:
        self.now = datetime(1990, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Finishers:
    """Of kind "share", "erase" and "never"; notes what they end, and fails where it is told to."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []
        self.failing: dict[str, Exception] = {}
        self.started = asyncio.Event()

    def __call__(self) -> dict[str, object]:
        return {"share": self.end, "erase": self.end, "never": self.hang}

    async def end(self, intent: Intent) -> None:
        if intent.subject in self.failing:
            raise self.failing[intent.subject]
        self.ended.append((intent.kind, intent.subject))

    async def hang(self, intent: Intent) -> None:
        self.started.set()
        await asyncio.Event().wait()


class Sweeper:
    def __init__(self) -> None:
        self.sweeps = 0
        self.began_at: list[str] = []
        self.is_slow = False
        self.hangs = asyncio.Event()
        self.failure: Exception | None = None

    async def sweep(self, places: Places) -> None:
        """In two parts; it hangs, or fails, in the second."""
        self.sweeps += 1
        self.began_at.append(places.get("rows", ""))
        places["rows"] = "half"
        if self.is_slow:
            self.hangs.set()
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure


async def cut_short(
    tidy_of: "MakeTidy", intents: Intents, finishers: Finishers, when: asyncio.Event
) -> Report:
    """A run whose time is over once something hangs."""
    timer = asyncio.timeout(None)
    run = asyncio.create_task(tidy_of(intents, finishers, timer=lambda: timer).run())
    await when.wait()
    timer.reschedule(asyncio.get_running_loop().time())
    return await run


type MakeTidy = Callable[..., Tidy]


async def noted(intents: Intents) -> RunNote:
    note = await intents.last_run()
    assert note is not None
    return note
