"""Records calls: start, pause, resume and stop, with a notice before it where the settings say so.

What is wanted is recorded before ACS is asked, as for actions. `recording_steps` asks ACS.
"""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from shared import audit
from shared.calls import reasons
from shared.calls.calls import Calls
from shared.calls.events import AppliedEvents
from shared.calls.reasons import Reason
from shared.calls.recorded_files import FileEvent, RecordedFiles
from shared.calls.recording_steps import RecordingSteps
from shared.calls.recordings import MOST_RECORDINGS, Notice, Recording, Wanted
from shared.calls.records import CallRecords
from shared.calls.rows import REPEATABLE, TOO_OLD, Call, CallState, LoggedEvent
from shared.calls.settling import RECORD
from shared.intents import Intents
from shared.keys import key
from shared.principals import Caller
from shared.problems import (
    CallEnded,
    CallRefused,
    NotFound,
    NotRecorded,
    RecordingInProgress,
    TooManyActions,
)

logger = logging.getLogger(__name__)

_FILE_EVENT = "RecordingFileStatusUpdated"
# After this time a request or a notice has ended, or has died.
_UNCONFIRMED = timedelta(minutes=5)
_NEVER_CONFIRMED = Reason(HTTPStatus.REQUEST_TIMEOUT, 0, reasons.RECORDING_NEVER_CONFIRMED)


class CallRecording:
    """The recordings that the creator of a call, or a manager of its realm, may ask for.

    Raises:
        NotFound: the call does not exist, or the caller may not see it.
        CallEnded: the call has ended, or is not connected yet.
        NotRecorded: it has no recording that could be paused, resumed or stopped.
        RecordingInProgress: it is being recorded already.
        CallRefused: ACS does not accept the request.
    """

    def __init__(
        self,
        calls: Calls,
        records: CallRecords,
        files: RecordedFiles,
        steps: RecordingSteps,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._records = records
        self._files = files
        self._steps = steps
        self._intents = intents
        self._now = now

    async def start(self, caller: Caller, call_id: str, idempotency_key: str) -> Recording:
        """Record a call. A repetition with the same key is the same recording."""
        call = await self._calls.find_for(caller, call_id)
        _check_connected(call)
        asked = Recording(
            key("recording", call_id, idempotency_key)[:32],
            self._now(),
            notice=self._steps.first_notice,
        )

        def add(found: Call) -> Call:
            if found.recordings.find(asked.id) is not None:
                return found
            if found.recordings.current is not None:
                raise RecordingInProgress
            if len(found.recordings.listed) >= MOST_RECORDINGS:
                raise TooManyActions(f"A call has at most {MOST_RECORDINGS} recordings.")
            return replace(found, recordings=found.recordings.added(asked))

        changed = await self._calls.change(call, add)
        recording = changed.recordings.find(asked.id)
        assert recording is not None  # noqa: S101  it was added
        if recording.ended_at is not None or recording.is_noted:
            return recording
        if self._now() - recording.asked_at >= REPEATABLE:
            raise CallEnded(TOO_OLD)
        # Whoever is about to ask ACS writes the line: others may have been faster to record, and a
        # request that was killed before this has asked for nothing.
        if recording.acs_id is None and recording.notice in (Notice.NONE, Notice.ASKED):
            _audit("recording-started", caller, changed, recording)
        return await self._steps.go_on(changed, recording)

    async def pause(self, caller: Caller, call_id: str) -> Recording:
        """Pause the recording. If it is paused, this does nothing."""
        return await self._steer(caller, call_id, Wanted.PAUSE)

    async def resume(self, caller: Caller, call_id: str) -> Recording:
        """Go on with a recording that is paused. If it is not, this does nothing."""
        return await self._steer(caller, call_id, Wanted.RECORD)

    async def stop(self, caller: Caller, call_id: str) -> Recording:
        """End the recording. If it has been stopped, this does nothing."""
        return await self._steer(caller, call_id, Wanted.STOP)

    async def _steer(self, caller: Caller, call_id: str, wanted: Wanted) -> Recording:
        meant = await self._meant(caller, call_id, wanted)
        was_stopped = meant.ended_at is not None and meant.wanted is Wanted.STOP
        if wanted is Wanted.STOP and was_stopped and not meant.must_stop:
            return meant
        # The intent comes first: if the request is killed, or ACS fails, Tidy pauses or stops the
        # recording within minutes.
        async with self._intents.around(RECORD, call_id):
            call, recording = await self._want(caller, call_id, meant, wanted)
            if wanted is not Wanted.STOP:
                await self._steps.send(call, recording)
            elif recording.must_stop:
                recording = await self._steps.stop(call, recording)
        return recording

    async def continue_call(self, applied: AppliedEvents) -> None:
        """Do what events have made due in a call: start after the notice, or stop what nobody
        wants. Called for repeated events too, because the host may have died the first time.

        Raises:
            Unavailable, Throttled, Conflict: ACS has to deliver the events again.
        """
        if not applied.call.recordings.listed:
            return
        try:
            await self._continue(applied.call.call_id)
        except NotFound:  # the call was erased, and its recordings with it
            await self._intents.end_all(RECORD, applied.call.call_id)

    async def _continue(self, call_id: str) -> None:
        call = await self._records.find(call_id)
        if call is None:
            raise NotFound
        for listed in call.recordings.listed:
            recording = listed
            if recording.acs_id is not None and not recording.is_noted:
                recording = await self._steps.bind(call, recording, recording.acs_id)
            if _must_stop(call, recording):
                await self._steps.stop(call, recording)
            elif recording.may_start and recording.notice is Notice.HEARD and call.is_ongoing:
                try:
                    await self._steps.start(call, recording)
                except (CallEnded, CallRefused, NotFound) as refused:
                    logger.info("a call is not recorded after the notice: %s", refused.code)
        if any(_must_stop(call, one) for one in call.recordings.listed):
            await self._intents.end_all(RECORD, call.call_id)  # nothing is left to Tidy

    async def settle(self, call: Call) -> None:
        """What Tidy does about a recorded call. It gives up a recording that ACS never confirmed.
        It pauses or stops one if somebody wanted that, or if this service has left the call. It
        never starts one."""
        for recording in call.recordings.listed:
            waits = recording.acs_id is None and recording.ended_at is None
            if waits and self._now() - recording.asked_at >= _UNCONFIRMED:
                await self._steps.fail(call, recording, _NEVER_CONFIRMED)
            elif _must_stop(call, recording):
                await self._steps.stop(call, recording)
            elif recording.must_pause:
                with contextlib.suppress(NotRecorded, CallEnded, CallRefused):
                    await self._steps.send(call, recording)

    async def add_file(self, event: FileEvent) -> bool:
        """Record where ACS keeps the files of a recording, which has ended then.

        Returns:
            Whether it is a recording of a call here.
        """
        call_id = await self._files.add(event)
        call = None if call_id is None else await self._records.find(call_id)
        if call is None:
            return False

        def ended(found: Call) -> Call:
            recording = found.recordings.of_acs(event.acs_id)
            if recording is None or recording.acs_id != event.acs_id:
                return found
            stopped = recording.stopped(event.at)
            return replace(found, recordings=found.recordings.added(stopped))

        await self._records.apply_once(call, event.id, LoggedEvent(_FILE_EVENT, event.at), ended)
        return True

    async def _meant(self, caller: Caller, call_id: str, wanted: Wanted) -> Recording:
        """The recording that goes on, or else the latest one.

        Raises:
            NotRecorded, CallEnded: it cannot be what is wanted.
        """
        call = await self._calls.find_for(caller, call_id)
        meant = call.recordings.current or call.recordings.latest
        if meant is None:
            raise NotRecorded
        was_stopped = meant.ended_at is not None and meant.wanted is Wanted.STOP
        # After this service has left, the others may go on with the call, and ACS with the
        # recording.
        can_stop = was_stopped or meant.is_open_in_acs
        if not (wanted is Wanted.STOP and can_stop):
            _check_connected(call)
        return meant

    async def _want(
        self, caller: Caller, call_id: str, meant: Recording, wanted: Wanted
    ) -> tuple[Call, Recording]:
        """Record what is wanted of a recording."""
        at = self._now()

        def change(found: Call) -> Call:
            recording = found.recordings.find(meant.id)
            if recording is None:
                raise NotRecorded
            return replace(found, recordings=found.recordings.added(recording.wanting(wanted, at)))

        names = {Wanted.PAUSE: "paused", Wanted.RECORD: "resumed", Wanted.STOP: "stopped"}
        line = f"recording-{names[wanted]}"
        changed = await self._records.change_noted(
            call_id, change, lambda found: _audit(line, caller, found, meant)
        )
        if changed is None:
            raise NotFound
        recording = changed.recordings.find(meant.id)
        assert recording is not None  # noqa: S101  it was found
        return changed, recording


def _check_connected(call: Call) -> None:
    if not call.is_ongoing or call.state is not CallState.CONNECTED or call.server_call_id is None:
        raise CallEnded


def _must_stop(call: Call, recording: Recording) -> bool:
    """Nobody wants it, or nobody could stop it any more: this service has left the call."""
    has_left = call.state is CallState.DISCONNECTED
    return recording.must_stop or (has_left and recording.is_open_in_acs)


def _audit(action: str, caller: Caller, call: Call, recording: Recording) -> None:
    who = caller.principal
    audit.record(action, who, who, call=call.call_id, recording=recording.id)
