"""Delivers events to callback addresses: in order, or as badly as a test wants it.

The service promises no order and no single delivery. By default each event of a connection waits
for the first attempt at the one before it; an event that was not taken is tried again later, while
others go on. What is not delivered when the emulator ends is delivered when it starts again.
"""

import asyncio
import logging
import time
from collections import defaultdict
from http import HTTPStatus

import aiohttp

from devstack.acs_emulator.callbacks.modes import CallbackMode, Release
from devstack.acs_emulator.callbacks.tokens import CallbackTokens
from devstack.acs_emulator.calls.store import CallState, Delivery
from devstack.emulation.background import Background

# [assumed] How long the service waits for an answer.
ANSWER_SECONDS = 5

log = logging.getLogger(__name__)


class Callbacks:
    def __init__(self, state: CallState, tokens: CallbackTokens) -> None:
        self._state = state
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[str, asyncio.Queue[tuple[float, Delivery]]] = defaultdict(asyncio.Queue)
        self._held: list[Delivery] = []
        self._held_changed = asyncio.Event()
        self._background = Background()
        self._mode = CallbackMode()
        self._chance = self._mode.chance()

    @property
    def mode(self) -> CallbackMode:
        return self._mode

    @mode.setter
    def mode(self, mode: CallbackMode) -> None:
        """For events from now on; what is held and would not be held any more goes its way."""
        self._mode, self._chance = mode, mode.chance()
        held, self._held = self._held, []
        for delivery in held:
            self._sort(delivery)

    @property
    def held(self) -> list[Delivery]:
        return self._held

    async def start(self) -> None:
        """Begin to deliver, with what an earlier process left."""
        # No connection is used twice: aiohttp repeats by itself what fails on a used one.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        for delivery in self._state.waiting_events():
            self._sort(delivery)

    async def stop(self) -> None:
        await self._background.stop()
        if self._session is not None:
            await self._session.close()

    def post(self, *, connection: str, id: str, type: str, url: str, body: str) -> None:  # noqa: A002
        """Store an event, to be delivered from the next turn of the event loop on."""
        self._sort(
            self._state.add_event(connection=connection, id=id, type=type, url=url, body=body)
        )

    async def release(self, wanted: Release) -> int:
        """Send what is held, one after the other; returns how many, after the first attempts."""
        chosen = [
            delivery
            for delivery in self._held
            if wanted.types is None or delivery.type.rpartition(".")[2] in wanted.types
        ][: wanted.count]
        self._hold([delivery for delivery in self._held if delivery not in chosen])
        for delivery in wanted.arranged(chosen, wanted.chance()):
            await self._send_copies(delivery)
        return len(chosen)

    async def until_held(self, number: int) -> None:
        while len(self._held) < number:
            await self._held_changed.wait()

    def _hold(self, held: list[Delivery]) -> None:
        self._held = held
        self._held_changed.set()
        self._held_changed = asyncio.Event()

    def _sort(self, delivery: Delivery) -> None:
        if self._mode.holds(delivery.type):
            self._hold([*self._held, delivery])
            return
        if delivery.connection not in self._lanes:
            self._background.spawn(self._drive(delivery.connection))
        due = time.monotonic() + self._mode.delay_ms / 1000
        self._lanes[delivery.connection].put_nowait((due, delivery))

    async def _drive(self, connection: str) -> None:
        """Send the events of one connection until there is none left."""
        lane = self._lanes[connection]
        while not lane.empty():
            if self._mode.order != "documented":
                await self._send_collected(lane)
                continue
            due, delivery = lane.get_nowait()
            await asyncio.sleep(due - time.monotonic())
            await self._send_copies(delivery)
        del self._lanes[connection]

    async def _send_collected(self, lane: asyncio.Queue[tuple[float, Delivery]]) -> None:
        mode = self._mode
        due, first = lane.get_nowait()
        await asyncio.sleep(due - time.monotonic() + mode.window_ms / 1000)
        collected = [first]
        while not lane.empty():
            due, delivery = lane.get_nowait()
            collected.append(delivery)
        await asyncio.sleep(due - time.monotonic())
        # Each copy is on its own: a repeat may come before or long after other events.
        copies = [
            (number == 0, delivery) for number in range(mode.repeat) for delivery in collected
        ]
        for is_original, delivery in mode.arranged(copies, self._chance):
            await (self._deliver(delivery) if is_original else self._attempt(delivery))

    async def _send_copies(self, delivery: Delivery) -> None:
        """All at once: two hosts of an app may get the same event at the same time."""
        copies = [self._attempt(delivery) for _ in range(self._mode.repeat - 1)]
        await asyncio.gather(self._deliver(delivery), *copies)

    async def _deliver(self, delivery: Delivery) -> None:
        """The first attempt; those after it go on by themselves."""
        if await self._attempt(delivery):
            self._state.settle_event(delivery.number, "taken")
        else:
            self._background.spawn(self._try_again(delivery))

    async def _try_again(self, delivery: Delivery) -> None:
        mode = self._mode
        for number in range(mode.attempts - 1):
            await asyncio.sleep(mode.retry_ms / 1000 * 2**number)
            if await self._attempt(delivery):
                self._state.settle_event(delivery.number, "taken")
                return
        log.warning("%s of call %s was given up", delivery.type, delivery.connection)
        self._state.settle_event(delivery.number, "given up")

    async def _attempt(self, delivery: Delivery) -> bool:
        """Post it once. Whatever answers 2xx has taken it; redirects are not followed."""
        assert self._session is not None  # noqa: S101  started before the first request
        headers = {
            "Authorization": f"Bearer {self._tokens.issue()}",
            # [assumed] Microsoft's samples bind the body as JSON, which takes no batch type.
            "Content-Type": "application/json; charset=utf-8",
        }
        result: int | str
        try:
            async with self._session.post(
                delivery.url,
                data=delivery.body.encode(),
                headers=headers,
                allow_redirects=False,
            ) as answer:
                result = answer.status
        except TimeoutError:
            result = "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            result = type(error).__name__
        self._state.note_attempt(delivery.number, result)
        taken = isinstance(result, int) and result // 100 == HTTPStatus.OK // 100
        if not taken:
            log.info("%s of call %s: %s", delivery.type, delivery.connection, result)
        return taken
