"""Recordings of a call: what was asked for, and how far each has come.

They are stored in one property of the call's record. What is wanted and what ACS has reported are
kept apart, so that the order of events makes no difference, and what a dead request wanted is still
done.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.bounds import RECORDINGS
from shared.calls import reasons
from shared.calls.reasons import Reason
from shared.problems import NotRecorded

# One property holds all recordings of a call: each takes up to 900 of its 32,768 characters.
MOST_RECORDINGS = RECORDINGS.number


class Wanted(StrEnum):
    """What was asked for last."""

    RECORD = "record"
    PAUSE = "pause"
    STOP = "stop"


class Notice(StrEnum):
    """How far the notice before the recording has come."""

    NONE = "none"  # none is played
    ASKED = "asked"  # recorded before ACS is asked to play it
    ACCEPTED = "accepted"  # ACS plays it, or will
    HEARD = "heard"


class RecordingState(StrEnum):
    """What clients are told."""

    ANNOUNCING = "announcing"  # the notice is not over yet
    STARTING = "starting"  # ACS has not reported yet that it records
    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class Recording:
    """A recording that was asked for.

    Attributes:
        id: follows from the request's Idempotency-Key. It is the operation context of the notice.
        asked_at: by this time, too, ACS recognizes a repetition of the request.
        acs_id: ACS's recordingId, once it is known.
        is_noted: whether the row that matches the event about the file is stored.
        is_active: whether it records, as ACS has reported last, at `reported_at`; None before.
        started_at: when ACS began to record.
        ended_at: when it stopped or failed; None while it goes on.
        is_stopped: whether ACS has confirmed that it stopped.
        reason: why it failed; None if it did not.
    """

    id: str
    asked_at: datetime
    wanted: Wanted = Wanted.RECORD
    notice: Notice = Notice.NONE
    acs_id: str | None = None
    is_noted: bool = False
    is_active: bool | None = None
    reported_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    is_stopped: bool = False
    reason: Reason | None = None

    @property
    def state(self) -> RecordingState:
        if self.ended_at is not None:
            return RecordingState.STOPPED if self.reason is None else RecordingState.FAILED
        if self.started_at is not None:
            return RecordingState.RECORDING if self.is_active else RecordingState.PAUSED
        if self.notice in (Notice.ASKED, Notice.ACCEPTED):
            return RecordingState.ANNOUNCING
        return RecordingState.STARTING

    @property
    def since(self) -> datetime:
        """Since when the state is so."""
        if self.ended_at is not None:
            return self.ended_at
        has_begun = self.started_at is not None and self.reported_at is not None
        return self.reported_at or self.asked_at if has_begun else self.asked_at

    @property
    def may_start(self) -> bool:
        """Is it time to ask ACS for it?"""
        is_open = self.ended_at is None and self.acs_id is None
        return is_open and self.notice in (Notice.NONE, Notice.HEARD)

    @property
    def is_open_in_acs(self) -> bool:
        """May ACS be recording, as far as it has reported?"""
        return self.acs_id is not None and not self.is_stopped

    @property
    def must_stop(self) -> bool:
        """Does ACS record although nobody wants it?"""
        return self.wanted is Wanted.STOP and self.is_open_in_acs

    @property
    def must_pause(self) -> bool:
        """Does ACS record although it is to be paused?"""
        return self.wanted is Wanted.PAUSE and bool(self.is_active) and self.ended_at is None

    def wanting(self, wanted: Wanted, at: datetime) -> "Recording":
        """The recording after a request to pause it, to go on or to stop.

        Raises:
            NotRecorded: it has ended, or has not begun.
        """
        if self.ended_at is not None:
            # Another stop came first, or this one, whose answer storage has lost.
            if self.wanted is Wanted.STOP and wanted is Wanted.STOP:
                return self
            raise NotRecorded
        if self.acs_id is not None:
            return replace(self, wanted=wanted)
        if wanted is not Wanted.STOP:
            raise NotRecorded("It has not begun yet.")
        return replace(self, wanted=wanted, ended_at=at)  # ACS is not asked, or is told to stop it

    def failed(self, reason: Reason, at: datetime) -> "Recording":
        """The recording after ACS refused it; unchanged if ACS has it, or it has ended."""
        if self.acs_id is not None or self.ended_at is not None:
            return self
        return replace(self, ended_at=at, reason=reason)

    def bound(self, acs_id: str) -> "Recording":
        """The recording once ACS's id is known. What was given up as unconfirmed goes on."""
        if self.acs_id not in (None, acs_id):
            return self
        if self.acs_id is None and self.reason is not None and self.wanted is not Wanted.STOP:
            return replace(self, acs_id=acs_id, ended_at=None, reason=None)
        return replace(self, acs_id=acs_id)

    def noted(self) -> "Recording":
        return replace(self, is_noted=True)

    def without_notice(self) -> "Recording":
        return replace(self, notice=Notice.NONE)

    def stopped(self, at: datetime) -> "Recording":
        """The recording after ACS has confirmed that it does not record any more."""
        ended_at = self.ended_at or at
        return replace(self, wanted=Wanted.STOP, ended_at=ended_at, is_stopped=True, reason=None)

    def reported(self, at: datetime, *, is_active: bool) -> "Recording":
        """The recording after ACS has reported that it records, or does not. In any order."""
        started_at = self.started_at
        if is_active:
            started_at = at if started_at is None else min(at, started_at)
        if self.reported_at is not None and (at, is_active) <= (self.reported_at, self.is_active):
            return replace(self, started_at=started_at)
        return replace(self, is_active=is_active, reported_at=at, started_at=started_at)

    def stored(self) -> dict[str, Any]:
        """As it is stored. The names in it stay, even if the fields are renamed."""
        return {
            "id": self.id,
            "asked_at": self.asked_at.isoformat(),
            "wanted": self.wanted,
            "notice": self.notice,
            "acs_id": self.acs_id,
            "is_noted": self.is_noted,
            "is_active": self.is_active,
            "reported_at": _text(self.reported_at),
            "started_at": _text(self.started_at),
            "ended_at": _text(self.ended_at),
            "is_stopped": self.is_stopped,
            "reason": None if self.reason is None else self.reason.stored(),
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            id=stored["id"],
            asked_at=datetime.fromisoformat(stored["asked_at"]),
            wanted=Wanted(stored["wanted"]),
            notice=Notice(stored["notice"]),
            acs_id=stored["acs_id"],
            is_noted=stored["is_noted"],
            is_active=stored["is_active"],
            reported_at=_time(stored["reported_at"]),
            started_at=_time(stored["started_at"]),
            ended_at=_time(stored["ended_at"]),
            is_stopped=stored["is_stopped"],
            reason=None if stored["reason"] is None else Reason.of(stored["reason"]),
        )


@dataclass(frozen=True)
class Recordings:
    """The recordings of a call, the oldest first. At most one goes on."""

    listed: tuple[Recording, ...] = ()

    @property
    def current(self) -> Recording | None:
        """The one that goes on."""
        return next((one for one in self.listed if one.ended_at is None), None)

    @property
    def latest(self) -> Recording | None:
        return self.listed[-1] if self.listed else None

    @property
    def known_to_acs(self) -> Iterable[Recording]:
        return (one for one in self.listed if one.acs_id is not None)

    def find(self, id_: str) -> Recording | None:
        return next((one for one in self.listed if one.id == id_), None)

    def of_acs(self, acs_id: str) -> Recording | None:
        """The one with ACS's id; else the latest whose id is not known, if ACS was asked for it."""
        for one in self.listed:
            if one.acs_id == acs_id:
                return one
        asked = (Notice.NONE, Notice.HEARD)
        unknown = [one for one in self.listed if one.acs_id is None and one.notice in asked]
        return unknown[-1] if unknown else None

    def added(self, recording: Recording) -> "Recordings":
        """With that recording, in the place of an earlier version of it."""
        if self.find(recording.id) is None:
            return Recordings((*self.listed, recording))
        listed = (recording if one.id == recording.id else one for one in self.listed)
        return Recordings(tuple(listed))

    def with_notice(
        self, id_: str, at: datetime, *, heard: bool, reason: Reason | None
    ) -> "Recordings":
        """After ACS has reported how the notice ended. If it was not heard, nothing is recorded."""
        found = self.find(id_)
        if found is None or found.notice in (Notice.NONE, Notice.HEARD):
            return self
        if heard:
            return self.added(replace(found, notice=Notice.HEARD))
        failure = Reason(reason.code if reason else 400, 0, reasons.NOTICE_NOT_HEARD)
        return self.added(found.failed(failure, at))

    def with_report(self, acs_id: str, at: datetime, *, is_active: bool) -> "Recordings":
        """After ACS has reported a state; unchanged if it is of no recording of this call."""
        found = self.of_acs(acs_id)
        if found is None:
            return self
        return self.added(found.bound(acs_id).reported(at, is_active=is_active))

    def text(self) -> str:
        """As it is stored."""
        return json.dumps([one.stored() for one in self.listed], separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(tuple(Recording.of(one) for one in json.loads(text)))


NO_RECORDINGS = Recordings()


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
