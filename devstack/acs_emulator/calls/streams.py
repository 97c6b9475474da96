"""The streams of all connections: how they are started, stopped and changed."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import (
    locale_without_region,
    stream_conflict,
    stream_not_configured,
    update_not_supported,
)
from devstack.acs_emulator.calls.bodies import Operation
from devstack.acs_emulator.calls.connections import Call, CallConnection
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.far_ends import FarEnds
from devstack.acs_emulator.calls.media_stream import MediaStream
from devstack.acs_emulator.calls.results import NOT_CONFIGURED, STREAM_CHANGED
from devstack.acs_emulator.calls.speech import Speech
from devstack.acs_emulator.calls.stream import Stream, StreamContent
from devstack.acs_emulator.calls.streaming_bodies import StartTranscription, UpdateTranscription
from devstack.acs_emulator.calls.streaming_options import has_region
from devstack.acs_emulator.calls.transcription import Transcription
from devstack.acs_emulator.streams.sockets import AppSockets
from devstack.emulation.background import BackgroundTasks
from devstack.emulation.database import Database


@dataclass(frozen=True)
class _Medium[C: StreamContent]:
    content: C
    stream: Stream


@dataclass(frozen=True)
class _ConnectionStreams:
    """What one connection may stream: None without the options for it."""

    media: _Medium[MediaStream] | None
    transcription: _Medium[Transcription] | None

    @property
    def streams(self) -> list[Stream]:
        return [medium.stream for medium in (self.media, self.transcription) if medium]


class Streams:
    """A request is refused at once if the documentation lists its fault with a status that events
    do not have.

    Args:
        save: stores a connection after a change.
    """

    def __init__(
        self,
        *,
        database: Database,
        events: CallEvents,
        far_ends: FarEnds,
        sockets: AppSockets,
        background: BackgroundTasks,
        save: Callable[[CallConnection], None],
    ) -> None:
        self._database = database
        self._events = events
        self._far_ends = far_ends
        self._sockets = sockets
        self._background = background
        self._save = save
        self._of: dict[str, _ConnectionStreams] = {}  # by the connection's id

    def open(self, connection: CallConnection) -> None:
        media = transcription = None
        if connection.media_streaming.options is not None:
            media_content = MediaStream(connection, self._far_ends)
            media = _Medium(media_content, self._stream(connection, media_content))
        if connection.transcription.options is not None:
            text_content = Transcription(connection)
            transcription = _Medium(text_content, self._stream(connection, text_content))
        self._of[connection.id] = _ConnectionStreams(media, transcription)

    def begin(self, connection: CallConnection) -> None:
        """The app is connected: start what it asked for with the connection."""
        operation = Operation.model_validate(
            {"operationContext": connection.operation_context}
            if connection.operation_context is not None
            else {}
        )
        media, transcription = connection.media_streaming, connection.transcription
        if media.options is not None and media.options.start_media_streaming:
            self._begin(self._of[connection.id].media, connection, operation)
        if transcription.options is not None and transcription.options.start_transcription:
            self._begin(self._of[connection.id].transcription, connection, operation)

    def end(self, connection: CallConnection) -> None:
        """[assumed] The end of a connection ends its streams, before the event about it."""
        for stream in self._of.pop(connection.id).streams:
            if stream.is_active:
                stream.stop(Operation())
            else:
                stream.drop()

    # What apps ask for; all raise AcsError if that cannot be done.

    def start_media(self, connection: CallConnection, operation: Operation) -> None:
        self._checked(connection, self._of[connection.id].media, is_started=False).start(operation)

    def stop_media(self, connection: CallConnection, operation: Operation) -> None:
        self._checked(connection, self._of[connection.id].media, is_started=True).stop(operation)

    def start_transcription(self, connection: CallConnection, request: StartTranscription) -> None:
        stream = self._checked(connection, self._of[connection.id].transcription, is_started=False)
        locale = request.locale or connection.transcription.locale
        if not has_region(locale):
            raise locale_without_region(locale)
        connection.transcription.locale = locale
        stream.start(request)

    def stop_transcription(self, connection: CallConnection, operation: Operation) -> None:
        medium = self._of[connection.id].transcription
        self._checked(connection, medium, is_started=True).stop(operation)

    def update_transcription(
        self, connection: CallConnection, request: UpdateTranscription
    ) -> None:
        """Another locale, from now on. [assumed] The app gets no other metadata."""
        if connection.is_added:
            raise update_not_supported()
        medium = self._of[connection.id].transcription
        stream = self._checked(connection, medium, is_started=True)
        if request.locale is None or not has_region(request.locale):
            raise locale_without_region(request.locale)
        connection.transcription.locale = request.locale
        stream.report(
            request,
            "Updated",
            STREAM_CHANGED,
            "transcriptionLocaleUpdated",
            is_active=connection.transcription.is_active,
        )

    # What happens in the call

    def hear_key(self, call: Call, raw_id: str, tone: str) -> None:
        for connection in call.connections:
            if medium := self._of[connection.id].media:
                medium.content.hear_key(raw_id, tone)

    def hear_speech(self, call: Call, raw_id: str, speech: Speech) -> None:
        for connection in call.connections:
            streams = self._of[connection.id]
            if streams.media:
                streams.media.content.hear_speech(raw_id, speech)
            if streams.transcription:
                streams.transcription.content.hear_speech(raw_id, speech)

    def for_inspection(self, connection_id: str) -> dict[str, JsonValue]:
        """What was sent and received, by stream."""
        streams = self._of.get(connection_id)
        shown: dict[str, JsonValue] = {}
        if streams and streams.media:
            shown["mediaStreaming"] = streams.media.content.for_inspection()
        if streams and streams.transcription:
            shown["transcription"] = streams.transcription.content.for_inspection()
        return shown

    def _stream(self, connection: CallConnection, content: StreamContent) -> Stream:
        return Stream(
            connection,
            content,
            database=self._database,
            events=self._events,
            far_ends=self._far_ends,
            sockets=self._sockets,
            background=self._background,
            save=lambda: self._save(connection),
        )

    def _begin(
        self,
        medium: _Medium[MediaStream] | _Medium[Transcription] | None,
        connection: CallConnection,
        operation: Operation,
    ) -> None:
        assert medium is not None  # noqa: S101  there are options
        if self._is_configured(connection, medium):
            medium.stream.start(operation)
        else:
            medium.stream.fail(operation, NOT_CONFIGURED, "streamUrlMissing")

    def _checked(
        self,
        connection: CallConnection,
        medium: _Medium[MediaStream] | _Medium[Transcription] | None,
        *,
        is_started: bool,
    ) -> Stream:
        """The stream, which is in that state.

        Raises:
            AcsError: it is not, or the connection was made without it.
        """
        if medium is None or not self._is_configured(connection, medium):
            raise stream_not_configured()
        if medium.stream.is_started is not is_started:
            raise stream_conflict(is_started=medium.stream.is_started)
        return medium.stream

    def _is_configured(
        self,
        connection: CallConnection,
        medium: _Medium[MediaStream] | _Medium[Transcription],
    ) -> bool:
        """Documented: a transcription needs the endpoint that speech needs, too."""
        is_transcription = isinstance(medium.content, Transcription)
        return bool(medium.content.url) and not (
            is_transcription and connection.speech_endpoint is None
        )
