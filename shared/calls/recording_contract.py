"""Body and answers of the function that records calls. What they are made of is in answers about
calls too (`shared.calls.contract`)."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from shared.bodies import Answer, Body, Timestamp, is_absent
from shared.calls.reasons import Reason
from shared.calls.recordings import Recording, RecordingState
from shared.calls.rows import Call

if TYPE_CHECKING:  # so that loading the functions does not load the rules
    from shared.calls.recorded_files import RecordedFile


class RecordingBody(Body):
    action: Literal["start", "pause", "resume", "stop"]


class ReasonAnswer(Answer):
    """Why something ended. `code` and `subCode` are those of ACS, of which `code` follows HTTP and
    SIP; `subCode` is 0 where this service gives the reason. `message` says what they mean in this
    service's own words, because ACS's texts may hold ids and numbers. The page "Calls and bots"
    lists them."""

    code: int
    sub_code: int
    message: str

    @classmethod
    def of(cls, reason: Reason | None) -> "ReasonAnswer | None":
        if reason is None:
            return None
        return cls(code=reason.code, sub_code=reason.sub_code, message=reason.words)


class RecordingStateAnswer(Answer):
    """How far the latest recording of a call has come, and since when."""

    state: RecordingState
    since: Timestamp

    @classmethod
    def of_latest(cls, call: Call) -> "RecordingStateAnswer | None":
        recording = call.recordings.latest
        return None if recording is None else cls(**_recording_state(recording, call.ended_at))


class FileAnswer(Answer):
    """Where ACS keeps a file for a day. Only the credential of the ACS resource can read it."""

    content_location: str
    metadata_location: str

    @classmethod
    def of(cls, file: "RecordedFile") -> "FileAnswer":
        return cls(content_location=file.content, metadata_location=file.metadata)


class RecordingAnswer(RecordingStateAnswer):
    """A recording, and its files once ACS has reported them."""

    id: str
    asked_at: Timestamp
    started_at: Timestamp | None = Field(exclude_if=is_absent)
    reason: ReasonAnswer | None = Field(exclude_if=is_absent)
    files: list[FileAnswer] | None = Field(exclude_if=is_absent)

    @classmethod
    def of(
        cls,
        recording: Recording,
        call_ended_at: datetime | None = None,
        files: "Sequence[RecordedFile]" = (),
    ) -> "RecordingAnswer":
        return cls(
            **_recording_state(recording, call_ended_at),
            id=recording.id,
            asked_at=recording.asked_at,
            started_at=recording.started_at,
            reason=ReasonAnswer.of(recording.reason),
            files=[FileAnswer.of(file) for file in files] or None,
        )


def _recording_state(recording: Recording, call_ended_at: datetime | None) -> dict[str, Any]:
    """The state of a recording; it has ended with its call at the latest."""
    if recording.ended_at is None and call_ended_at is not None:
        return {"state": RecordingState.STOPPED, "since": call_ended_at}
    return {"state": recording.state, "since": recording.since}
