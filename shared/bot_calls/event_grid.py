"""Reads what Event Grid delivers: an array of events in its own schema, usually of one event
(reference D.5).

Events are external input: other types of events, and unknown fields, are ignored.
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, ValidationError

from shared.calls.events import EventPart, Identifier, Moment, Name, read_each
from shared.calls.recorded_files import MOST_FILES, FileEvent, RecordedFile, is_recording_url
from shared.problems import InvalidRequest

logger = logging.getLogger(__name__)

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_INCOMING_CALL = "Microsoft.Communication.IncomingCall"
_FILE_STATUS = "Microsoft.Communication.RecordingFileStatusUpdated"
# The subject ends with ACS's id of the recording (documented: "Event Grid Voice and Video events").
_RECORDING_ID = re.compile(r"/recordingId/([A-Za-z0-9_=.-]{1,512})\Z")


@dataclass(frozen=True)
class RingingCall:
    """A call that rings at an ACS identity.

    Attributes:
        to, caller: raw ids.
        context: the incomingCallContext. Everybody who has it can answer the call, so it is a
            secret while the call rings.
        since: when it began to ring.
    """

    to: str
    caller: str
    context: str = field(repr=False)
    since: datetime


class IncomingCallResult(StrEnum):
    """The result of an event of Event Grid."""

    ANSWERED = "answered"  # now, or after an earlier delivery
    IGNORED = "ignored"  # the event is not about an incoming call
    NO_BOT = "no-bot"  # the call is not for a bot
    STANDALONE = "standalone"  # only calls to Teams resource accounts are answered here
    STRANGER = "stranger"  # the caller is of a realm that is not the bot's, or was erased
    LATE = "late"  # the call does not ring any more
    MISSED = "missed"  # ACS did not let us answer the call
    BUSY = "busy"  # too many calls of the caller, or to the account, go on
    FILED = "filed"  # the event is about the file of a recording of ours


class _IncomingCall(EventPart):
    to: Identifier
    from_: Annotated[Identifier, Field(alias="from")]
    incoming_call_context: Annotated[str, Field(min_length=1, max_length=64 * 1024)]


class _Chunk(EventPart):
    document_id: Annotated[str, Field(min_length=1, max_length=256)]
    content_location: str
    metadata_location: str
    delete_location: str


class _StorageInfo(EventPart):
    recording_chunks: Annotated[list[_Chunk], Field(max_length=1000)]


class _FileStatus(EventPart):
    recording_storage_info: _StorageInfo


class _Validation(EventPart):
    validation_code: Annotated[str, Field(min_length=1, max_length=1024)]


class GridEvent(EventPart):
    """An event in Event Grid's own schema."""

    id: Annotated[str, Field(max_length=256)] = ""
    subject: Annotated[str, Field(max_length=4096)] = ""
    event_type: Name
    event_time: Moment
    data: Annotated[JsonValue, Field(repr=False)] = None

    @property
    def validation_code(self) -> str | None:
        """The code that confirms a new subscription; None for any other event.

        Raises:
            InvalidRequest: the event should hold a code, and does not.
        """
        if self.event_type != _VALIDATION:
            return None
        try:
            return _Validation.model_validate(self.data).validation_code
        except ValidationError:
            raise InvalidRequest("The validation event has no validationCode.") from None

    @property
    def ringing(self) -> RingingCall | None:
        """The call of the event; None if it is of another type, or cannot be read."""
        if self.event_type != _INCOMING_CALL:
            return None
        try:
            incoming = _IncomingCall.model_validate(self.data)
        except ValidationError:
            logger.warning("an IncomingCall event has an unknown shape")
            return None
        since = self.event_time.astimezone(UTC)
        return RingingCall(
            incoming.to.raw_id, incoming.from_.raw_id, incoming.incoming_call_context, since
        )

    @property
    def file(self) -> FileEvent | None:
        """The files of a recording that the event is about; None if it is of another type, cannot
        be read, or names none of ACS's hosts."""
        named = _RECORDING_ID.search(self.subject)
        if self.event_type != _FILE_STATUS:
            return None
        try:
            status = _FileStatus.model_validate(self.data)
        except ValidationError:
            named = None
        if named is None or not self.id:
            logger.warning("an event about a recording has an unknown shape")
            return None
        files = [
            RecordedFile(
                one.document_id, one.content_location, one.metadata_location, one.delete_location
            )
            for one in status.recording_storage_info.recording_chunks[:MOST_FILES]
        ]
        if not all(map(is_recording_url, (url for file in files for url in file.locations))):
            logger.warning("an event about a recording names a host that does not belong to ACS")
            return None
        return FileEvent(self.id, self.event_time.astimezone(UTC), named[1], tuple(files))


type GridEvents = Annotated[list[GridEvent], Field(min_length=1, max_length=100)]

# Stands for an event that cannot be read, so that the others of its delivery are handled.
_UNREADABLE = GridEvent.model_construct(
    event_type="", event_time=datetime(1, 1, 1, tzinfo=UTC), data=None
)


def read_grid_events(body: bytes) -> list[GridEvent]:
    """The events of a delivery. One that cannot be read is like one of another type.

    Raises:
        InvalidRequest: none can be read. The error does not quote the body, which may hold
            anything.
    """
    events = read_each(body, GridEvent)
    if not any(events):
        raise InvalidRequest("The body is not an array of events in Event Grid's schema.")
    return [event or _UNREADABLE for event in events]
