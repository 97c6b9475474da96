"""A stream of one connection: a WebSocket to the app that is opened, kept, and opened again.

`media_stream` and `transcription` say what is sent over it.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import Operation
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.results import STREAM_CHANGED, ResultInformation
from devstack.acs_emulator.streams.sockets import AppSocket, AppSockets, SocketLostError
from devstack.emulation.background import BackgroundTasks
from devstack.emulation.database import Database

# [assumed] How long the service waits before it opens a connection again that an app has lost.
RECONNECT_SECONDS = 1


class StreamContent(Protocol):
    """What a stream sends and receives, and what its events are called.

    Args:
        name: the events' names begin with it, and the statuses in them.
        update_field: the field of its events that has the status.
        update_fields: what else there is in that field.
        no_connection: the status details where the app cannot be reached at first.
        failure: the result of a stream that has no connection.
        resumed: the status after a connection was opened again.
    """

    name: str
    update_field: str
    update_fields: dict[str, JsonValue]
    no_connection: str
    failure: ResultInformation
    resumed: str

    @property
    def url(self) -> str: ...

    @property
    def is_active(self) -> bool: ...

    @is_active.setter
    def is_active(self, is_active: bool) -> None: ...

    def metadata(self) -> dict[str, JsonValue]:
        """The first message on each connection."""

    async def send_all(self, socket: AppSocket) -> None:
        """Send messages as they come, and never end."""

    def receive(self, message: str | bytes, /) -> None: ...

    def forget(self) -> None:
        """Drop the messages that wait to be sent."""


class Stream:
    """At most one request for it is in progress.

    Args:
        save: stores the connection after a change.
    """

    def __init__(
        self,
        connection: CallConnection,
        content: StreamContent,
        *,
        database: Database,
        events: CallEvents,
        far_ends: FarEnds,
        sockets: AppSockets,
        background: BackgroundTasks,
        save: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._content = content
        self._database = database
        self._events = events
        self._far_ends = far_ends
        self._sockets = sockets
        self._background = background
        self._save = save
        self._work: asyncio.Task[None] | None = None

    @property
    def is_started(self) -> bool:
        """Whether it is streaming, or about to."""
        return self._work is not None

    @property
    def is_active(self) -> bool:
        """Whether the app has been told that it has started, and not yet that it has ended."""
        return self._content.is_active

    def start(self, operation: Operation) -> None:
        self._work = self._background.spawn(self._stream(operation))

    def stop(self, operation: Operation) -> None:
        """Stop what was started, with the event about it."""
        self.drop()
        self.report(operation, "Stopped", STREAM_CHANGED, "subscriptionStopped", is_active=False)

    def drop(self) -> None:
        """Stop without an event: this and the connection's end are one change."""
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def fail(self, operation: Operation, failure: ResultInformation, details: str) -> None:
        self._work = None
        self.report(operation, "Failed", failure, details, is_active=False)

    def report(
        self,
        operation: Operation,
        what: str,
        result: ResultInformation,
        details: str,
        *,
        is_active: bool,
        status: str | None = None,
    ) -> None:
        """Change the state, and send the event about it.

        Args:
            what: the end of the event's name.
            status: if it does not follow from the name.
        """
        content = self._content
        content.is_active = is_active
        if not is_active:
            content.forget()
        prefix = content.name[:1].lower() + content.name[1:]
        update: dict[str, JsonValue] = {
            **content.update_fields,
            f"{prefix}Status": status or f"{prefix}{what}",
            f"{prefix}StatusDetails": details,
        }
        with self._database.transaction():
            self._events.send_for_operation(
                self._connection,
                operation,
                f"{content.name}{what}",
                result,
                {content.update_field: update},
            )
            self._save()

    async def _stream(self, operation: Operation) -> None:
        content = self._content
        try:
            socket = await self._connect()
        except SocketLostError:
            self.fail(operation, content.failure, content.no_connection)
            return
        self.report(operation, "Started", STREAM_CHANGED, "subscriptionStarted", is_active=True)
        while True:
            await self._exchange(socket)
            again = await self._reconnect()
            if again is None:
                self.fail(operation, content.failure, "streamConnectionInterrupted")
                return
            socket = again
            self.report(
                operation,
                "Started",
                STREAM_CHANGED,
                "streamConnectionReestablished",
                is_active=True,
                status=content.resumed,
            )

    async def _connect(self) -> AppSocket:
        """A connection on which the metadata was sent.

        Raises:
            SocketLostError: there is none.
        """
        call = self._connection.call
        socket = await self._sockets.connect(
            self._content.url,
            connection_id=self._connection.id,
            correlation_id=call.correlation_id,
        )
        try:
            await socket.send(self._content.metadata())
        except BaseException:
            await socket.close()
            raise
        return socket

    async def _exchange(self, socket: AppSocket) -> None:
        """Send and receive until the app has lost the connection."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._content.send_all(socket))
                both.create_task(self._receive_all(socket))
        except* SocketLostError:
            pass
        finally:
            await socket.close()

    async def _receive_all(self, socket: AppSocket) -> None:
        while True:
            self._content.receive(await socket.receive())

    async def _reconnect(self) -> AppSocket | None:
        for _ in range(self._far_ends.spec.reconnects):
            await asyncio.sleep(self._far_ends.seconds(RECONNECT_SECONDS))
            try:
                return await self._connect()
            except SocketLostError:
                continue
        return None
