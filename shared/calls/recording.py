"""Records calls: start, pause, resume and stop, with a notice before it where the settings say so.

What is wanted is recorded before ACS is asked, as for actions. Every step can be repeated: ACS
knows a second request to start by its Repeatability-Request-ID, and the others by their effect.
"""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from shared import audit
from shared.calls import reasons
from shared.calls.acs import CallAutomationApi, CallGone, NotInAcs
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders
from shared.calls.calls import AppliedEvents, Calls
from shared.calls.reasons import Reason
from shared.calls.reconciling import CallReconciling
from shared.calls.recorded_files import FileEvent, RecordedFiles
from shared.calls.recording_acs import CallRecordingApi
from shared.calls.recordings import MOST_RECORDINGS, Notice, Recording, Wanted
from shared.calls.records import CallRecords
from shared.calls.rows import REPEATABLE, TOO_OLD, Call, CallState, LoggedEvent
from shared.calls.settings import CallSettings
from shared.calls.spoken import is_url
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
# A request, or a notice, has ended after this time, or it never will.
_UNCONFIRMED = timedelta(minutes=5)
_NEVER_CONFIRMED = Reason(HTTPStatus.REQUEST_TIMEOUT, 0, reasons.RECORDING_NEVER_CONFIRMED)


class CallRecording:
    """The recordings that the creator of a call, or a manager of its realm, may ask for.

    Raises:
        NotFound: the call does not exist, or the caller may not see it.
        CallEnded: the call has ended, or is not connected yet.
        NotRecorded: nothing of it is recorded that could be paused, resumed or stopped.
        RecordingInProgress: it is being recorded already.
        CallRefused: ACS does not accept the request.
    """

    def __init__(
        self,
        calls: Calls,
        records: CallRecords,
        files: RecordedFiles,
        acs: CallRecordingApi,
        player: CallAutomationApi,
        reconciling: CallReconciling,
        settings: CallSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._records = records
        self._files = files
        self._acs = acs
        self._player = player
        self._reconciling = reconciling
        self._notice = _source(settings)
        self._now = now

    async def start(self, caller: Caller, call_id: str, idempotency_key: str) -> Recording:
        """Record a call. A repetition with the same key is the same recording."""
        call = await self._calls.find_for(caller, call_id)
        _check_connected(call)
        asked = Recording(
            key("recording", call_id, idempotency_key)[:32],
            self._now(),
            notice=Notice.NONE if self._notice is None else Notice.ASKED,
        )

        def add(found: Call) -> Call:
            if found.recordings.find(asked.id) is not None:
                return found
            if found.recordings.current is not None:
                raise RecordingInProgress
            if len(found.recordings.listed) >= MOST_RECORDINGS:
                raise TooManyActions(f"A call has at most {MOST_RECORDINGS} recordings.")
            return replace(found, recordings=found.recordings.added(asked))

        changed, is_first = await self._records.change_once(call_id, add)
        if changed is None:
            raise NotFound
        if is_first:
            _audit("recording-started", caller, changed, asked)
        recording = changed.recordings.find(asked.id)
        assert recording is not None  # noqa: S101  it was added
        if recording.ended_at is not None or recording.is_noted:
            return recording
        if self._now() - recording.asked_at >= REPEATABLE:
            raise CallEnded(TOO_OLD)
        return await self._go_on(changed, recording)

    async def pause(self, caller: Caller, call_id: str) -> Recording:
        """Pause the recording. If it is paused, this does nothing."""
        call, recording = await self._want(caller, call_id, Wanted.PAUSE)
        await self._send(call, recording)
        return recording

    async def resume(self, caller: Caller, call_id: str) -> Recording:
        """Go on with a recording that is paused. If it is not, this does nothing."""
        call, recording = await self._want(caller, call_id, Wanted.RECORD)
        await self._send(call, recording)
        return recording

    async def stop(self, caller: Caller, call_id: str) -> Recording:
        """End the recording. If it has been stopped, this does nothing."""
        call, recording = await self._want(caller, call_id, Wanted.STOP)
        return await self._stop(call, recording) if recording.must_stop else recording

    async def continue_call(self, applied: AppliedEvents) -> None:
        """Do what has become due in a call by events: start after the notice, or stop what nobody
        wants. Called for repeated events too, because the host may have died the first time.

        Raises:
            Unavailable, Throttled, Conflict: ACS has to tell of the events again.
        """
        if not applied.call.recordings.listed:
            return
        call = await self._records.find(applied.call.call_id)
        if call is None:
            return
        for recording in call.recordings.listed:
            if recording.acs_id is not None and not recording.is_noted:
                await self._bind(call, recording, recording.acs_id)
            elif _must_stop(call, recording):
                await self._stop(call, recording)
            elif recording.may_start and recording.notice is Notice.HEARD and call.is_ongoing:
                try:
                    await self._start(call, recording)
                except (CallEnded, CallRefused, NotFound) as refused:
                    logger.info("a call is not recorded after the notice: %s", refused.code)

    async def settle(self, call: Call) -> None:
        """What Tidy does about a call that goes on: give up what ACS has never confirmed, and have
        it paused or stopped as somebody wanted. It never starts anything."""
        for recording in call.recordings.listed:
            waits = recording.acs_id is None and recording.ended_at is None
            if waits and self._now() - recording.asked_at >= _UNCONFIRMED:
                await self._fail(call, recording, _NEVER_CONFIRMED)
            elif _must_stop(call, recording):
                await self._stop(call, recording)
            elif recording.must_pause:
                with contextlib.suppress(NotRecorded, CallEnded, CallRefused):
                    await self._send(call, recording)

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

    async def _want(self, caller: Caller, call_id: str, wanted: Wanted) -> tuple[Call, Recording]:
        """Record what is wanted of the recording that goes on."""
        call = await self._calls.find_for(caller, call_id)
        meant = call.recordings.current or call.recordings.latest
        if meant is None:
            raise NotRecorded
        was_stopped = meant.ended_at is not None and meant.wanted is Wanted.STOP
        if was_stopped and wanted is Wanted.STOP:
            return call, meant
        at = self._now()

        def change(found: Call) -> Call:
            recording = found.recordings.find(meant.id)
            if recording is None:
                raise NotRecorded
            return replace(found, recordings=found.recordings.added(recording.wanting(wanted, at)))

        # Others may go on with the call, and ACS with the recording, when this service has left it.
        if not (wanted is Wanted.STOP and meant.ended_at is None and meant.is_open_in_acs):
            _check_connected(call)
        changed, is_first = await self._records.change_once(call_id, change)
        if changed is None:
            raise NotFound
        recording = changed.recordings.find(meant.id)
        assert recording is not None  # noqa: S101  it was found
        if is_first:
            names = {Wanted.PAUSE: "paused", Wanted.RECORD: "resumed", Wanted.STOP: "stopped"}
            _audit(f"recording-{names[wanted]}", caller, changed, recording)
        return changed, recording

    async def _go_on(self, call: Call, recording: Recording) -> Recording:
        """Take the next step of a recording whose start has not been finished."""
        if recording.acs_id is not None:
            return await self._bind(call, recording, recording.acs_id)
        if recording.notice is Notice.ASKED:
            return await self._announce(call, recording)
        return await self._start(call, recording) if recording.may_start else recording

    async def _announce(self, call: Call, recording: Recording) -> Recording:
        """Have the notice played to all; the event of its end leads on. If a response of ACS is
        lost, it may be heard twice."""
        if self._notice is None:  # the setting was removed since
            return await self._start(
                call, await self._update(call, recording, Recording.without_notice)
            )
        try:
            await self._player.play(
                call.connection_id or "", self._notice, None, loop=False, context=recording.id
            )
        except (CallGone, CallRefused) as refused:
            await self._refused(call, recording, refused)
            raise
        return await self._update(call, recording, _accepted)

    async def _start(self, call: Call, recording: Recording) -> Recording:
        try:
            acs_id = await self._acs.start(
                call.server_call_id or "",
                self._calls.callback_url(call.call_id),
                repeatability=RepeatabilityHeaders.for_name(recording.id, recording.asked_at),
            )
        except (CallGone, CallRefused) as refused:
            await self._refused(call, recording, refused)
            raise
        return await self._bind(call, recording, acs_id)

    async def _bind(self, call: Call, recording: Recording, acs_id: str) -> Recording:
        """Record ACS's id, and then the row by which the event about the file is matched: by the
        record an erasure finds both. If the call was erased meanwhile, or the recording stopped,
        it is stopped in ACS; so is a second one of ACS's for the same request."""
        try:
            bound = await self._update(call, recording, lambda found: found.bound(acs_id))
            if bound.acs_id == acs_id and not bound.is_noted:
                await self._files.note(acs_id, call.call_id)
                bound = await self._update(call, recording, Recording.noted)
        except NotFound:
            await self._discard(acs_id)
            raise
        if bound.acs_id != acs_id:
            logger.warning("ACS has started a second recording for one request, which is stopped")
            await self._discard(acs_id)
        return await self._stop(call, bound) if bound.must_stop else bound

    async def _discard(self, acs_id: str) -> None:
        """Stop a recording that nobody knows, and have its file deleted."""
        await self._files.erase_one(acs_id, is_noted=False)
        await self._acs.stop(acs_id)

    async def _send(self, call: Call, recording: Recording) -> None:
        """Have ACS pause or go on with a recording."""
        acs_id = recording.acs_id or ""
        pauses = recording.wanted is Wanted.PAUSE
        try:
            await (self._acs.pause(acs_id) if pauses else self._acs.resume(acs_id))
        except NotInAcs:
            await self._update(call, recording, lambda found: found.stopped(self._now()))
            await self._reconciling.reconcile_if_possible(call)
            raise NotRecorded from None
        except CallGone as gone:
            raise CallEnded from gone

    async def _stop(self, call: Call, recording: Recording) -> Recording:
        await self._acs.stop(recording.acs_id or "")
        return await self._update(call, recording, lambda found: found.stopped(self._now()))

    async def _refused(
        self, call: Call, recording: Recording, refused: CallGone | CallRefused
    ) -> None:
        """Record that ACS has refused a recording or its notice.

        Raises:
            CallEnded: because the call has ended, or is not connected.
        """
        message = refused.detail if isinstance(refused, CallRefused) else reasons.CALL_GONE
        await self._fail(call, recording, Reason(HTTPStatus.BAD_REQUEST, 0, message))
        if isinstance(refused, CallGone):
            await self._reconciling.reconcile_if_possible(call)
            raise CallEnded from refused

    async def _fail(self, call: Call, recording: Recording, reason: Reason) -> None:
        await self._update(call, recording, lambda found: found.failed(reason, self._now()))

    async def _update(
        self, call: Call, recording: Recording, change: Callable[[Recording], Recording]
    ) -> Recording:
        """Change a recording in the record of its call.

        Raises:
            NotFound: the record was removed.
        """

        def changed(found: Call) -> Call:
            standing = found.recordings.find(recording.id)
            if standing is None:
                return found
            return replace(found, recordings=found.recordings.added(change(standing)))

        stored = (await self._calls.change(call, changed)).recordings.find(recording.id)
        return recording if stored is None else stored


def _source(settings: CallSettings) -> PlaySource | None:
    notice = settings.recording_notice
    if not notice:
        return None
    return PlaySource(notice) if is_url(notice) else PlaySource(None, notice, settings.notice_voice)


def _check_connected(call: Call) -> None:
    if not call.is_ongoing or call.state is not CallState.CONNECTED or call.server_call_id is None:
        raise CallEnded


def _must_stop(call: Call, recording: Recording) -> bool:
    """Nobody wants it, or nobody could stop it any more: this service has left the call."""
    has_left = call.state is CallState.DISCONNECTED
    return recording.must_stop or (has_left and recording.is_open_in_acs)


def _accepted(found: Recording) -> Recording:
    return replace(found, notice=Notice.ACCEPTED) if found.notice is Notice.ASKED else found


def _audit(action: str, caller: Caller, call: Call, recording: Recording) -> None:
    who = caller.principal
    audit.record(action, who, who, call=call.call_id, recording=recording.id)
