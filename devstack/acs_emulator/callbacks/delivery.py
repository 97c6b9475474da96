"""Delivers events to callback addresses: in order, or in the bad ways that a test asks for.

ACS promises neither an order nor that an event comes only once. By default each event of a
connection waits for the first attempt at the event before it. An event that was not accepted is
sent again later, while others go on. Events that are not delivered when the emulator stops are
delivered after its next start.
"""

import asyncio
import logging
import time
from collections import defaultdict
from http import HTTPStatus

from devstack.acs_emulator.callbacks.modes import CallbackMode, ReleaseSpec
from devstack.acs_emulator.callbacks.store import CallbackEvent, EventStore
from devstack.acs_emulator.callbacks.tokens import CallbackTokens
from devstack.acs_emulator.wire.webhooks import WebhookClient
from devstack.emulation.background import BackgroundTasks, report_failure
from devstack.emulation.holding import HeldCount

# [assumed] How long the service waits for an answer.
ANSWER_SECONDS = 5
# How many events may wait for their delivery, be held, or wait for another attempt.
MAX_WAITING = 10_000

log = logging.getLogger(__name__)

type Queue = asyncio.Queue[tuple[float, CallbackEvent]]  # with the time when it is due


class CallbackDelivery:
    """Keeps at most `max_waiting` events that are on their way; it gives up further ones."""

    def __init__(
        self, store: EventStore, tokens: CallbackTokens, max_waiting: int = MAX_WAITING
    ) -> None:
        self._max_waiting = max_waiting
        self._waiting = 0
        self._store = store
        self._tokens = tokens
        self._client = WebhookClient(ANSWER_SECONDS)
        self._queues: dict[str, Queue] = defaultdict(asyncio.Queue)  # by connection
        self._sending: set[asyncio.Task[None]] = set()  # one for each queue
        self._held: list[CallbackEvent] = []
        self.held_count = HeldCount()
        self._background = BackgroundTasks()
        self._mode = CallbackMode()
        self._chance = self._mode.chance()

    @property
    def mode(self) -> CallbackMode:
        return self._mode

    async def set_mode(self, mode: CallbackMode) -> None:
        """For events from now on. Held events that the new mode does not hold are sent.

        If the mode holds events, this returns after the first attempts at those that came before,
        or after `ANSWER_SECONDS`: an app that was told of one does nothing more about it.
        """
        self._mode, self._chance = mode, mode.chance()
        held = self._held
        self._hold([])
        for event in held:
            self._schedule(event)
        if mode.hold and self._sending:
            await asyncio.wait(set(self._sending), timeout=ANSWER_SECONDS)

    @property
    def held(self) -> list[CallbackEvent]:
        return self._held

    async def start(self) -> None:
        """Start to deliver, beginning with the events that an earlier process did not deliver."""
        await self._client.start()
        for event in self._store.waiting():
            self._accept(event)

    async def stop(self) -> None:
        await self._background.stop()
        await self._client.stop()

    def send(self, *, connection_id: str, id: str, type: str, url: str, body: str) -> None:  # noqa: A002
        """Store an event; its delivery starts in the next turn of the event loop."""
        self._accept(
            self._store.add(connection_id=connection_id, id=id, type=type, url=url, body=body)
        )

    def _accept(self, event: CallbackEvent) -> None:
        self._waiting += 1
        if self._waiting > self._max_waiting:
            report_failure(f"{event.type} of call {event.connection_id} is one event too many")
            self._settle(event, "given up")
        else:
            self._schedule(event)

    def _settle(self, event: CallbackEvent, state: str) -> None:
        self._waiting -= 1
        self._store.set_state(event, state)

    async def release(self, spec: ReleaseSpec) -> int:
        """Send held events one after the other; returns their number after the first attempts."""
        chosen = [
            event for event in self._held if spec.types is None or event.short_type in spec.types
        ][: spec.count]
        self._hold([event for event in self._held if event not in chosen])
        for event in spec.arranged(chosen, spec.chance()):
            await self._send_copies(event)
        return len(chosen)

    def _hold(self, held: list[CallbackEvent]) -> None:
        self._held = held
        self.held_count.number = len(held)

    def _schedule(self, event: CallbackEvent) -> None:
        """Hold an event, or put it into the queue of its connection."""
        if self._mode.holds(event.short_type):
            self._hold([*self._held, event])
            return
        if event.connection_id not in self._queues:
            sending = self._background.spawn(self._send_queue(event.connection_id))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        due = time.monotonic() + self._mode.delay_ms / 1000
        self._queues[event.connection_id].put_nowait((due, event))

    async def _send_queue(self, connection_id: str) -> None:
        """Send the events of one connection until there are no more."""
        queue = self._queues[connection_id]
        while not queue.empty():
            if self._mode.order != "documented":
                await self._send_window(queue)
                continue
            due, event = queue.get_nowait()
            await asyncio.sleep(due - time.monotonic())
            await self._send_copies(event)
        del self._queues[connection_id]

    async def _send_window(self, queue: Queue) -> None:
        """Collect the events of one window, and send them in the order of the mode."""
        mode = self._mode
        due, first = queue.get_nowait()
        await asyncio.sleep(due - time.monotonic() + mode.window_ms / 1000)
        collected = [first]
        while not queue.empty():
            due, event = queue.get_nowait()
            collected.append(event)
        await asyncio.sleep(due - time.monotonic())
        # Every copy has its own place: a repetition may come before or long after other events.
        copies = [(number == 0, event) for number in range(mode.repeat) for event in collected]
        for is_original, event in mode.arranged(copies, self._chance):
            await (self._deliver(event) if is_original else self._attempt(event))

    async def _send_copies(self, event: CallbackEvent) -> None:
        """Send all copies at once: two hosts of an app may get one event at the same time."""
        copies = [self._attempt(event) for _ in range(self._mode.repeat - 1)]
        await asyncio.gather(self._deliver(event), *copies)

    async def _deliver(self, event: CallbackEvent) -> None:
        """Make the first attempt; if it fails, the others follow in the background, or the event is
        held until a test releases it."""
        if await self._attempt(event):
            self._settle(event, "taken")
        elif self._mode.hold_again:
            self._hold([*self._held, event])
        else:
            self._background.spawn(self._retry(event))

    async def _retry(self, event: CallbackEvent) -> None:
        mode = self._mode
        for number in range(mode.attempts - 1):
            await asyncio.sleep(mode.retry_ms / 1000 * 2**number)
            if await self._attempt(event):
                self._settle(event, "taken")
                return
        log.warning("%s of call %s was given up", event.type, event.connection_id)
        self._settle(event, "given up")

    async def _attempt(self, event: CallbackEvent) -> bool:
        """Post an event once; returns whether it was accepted, that is, answered 2xx."""
        # [assumed] The content type: Microsoft's samples bind the body as JSON, which is not
        # possible with the content type of a batch.
        headers = {"Authorization": f"Bearer {self._tokens.issue()}"}
        answer = await self._client.post(event.url, event.body, headers)
        result = answer.result
        self._store.add_attempt(event, result)
        is_accepted = isinstance(result, int) and result // 100 == HTTPStatus.OK // 100
        if not is_accepted:
            log.info("%s of call %s: %s", event.type, event.connection_id, result)
        return is_accepted
