"""The steps of recording a call: what ACS is asked for, and what becomes of its answers.

Each can be repeated: ACS recognizes a second request to start by its Repeatability-Request-ID, and
the other requests have the same effect again.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from shared.calls import reasons
from shared.calls.acs import CallAutomationApi, CallGone, NotInAcs
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders
from shared.calls.calls import Calls
from shared.calls.reasons import Reason
from shared.calls.reconciling import CallReconciling
from shared.calls.recorded_files import RecordedFiles
from shared.calls.recording_acs import CallRecordingApi
from shared.calls.recordings import Notice, Recording, Wanted
from shared.calls.rows import Call
from shared.calls.settings import CallSettings
from shared.calls.spoken import is_url
from shared.problems import CallEnded, CallRefused, NotFound, NotRecorded

logger = logging.getLogger(__name__)


class RecordingSteps:
    """Takes one step after the other of a recording whose call and record are known.

    Raises:
        NotFound: the record of the call was removed.
        CallEnded: the call has ended, or is not connected.
        CallRefused: ACS does not accept the request.
    """

    def __init__(
        self,
        calls: Calls,
        files: RecordedFiles,
        acs: CallRecordingApi,
        player: CallAutomationApi,
        reconciling: CallReconciling,
        settings: CallSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._files = files
        self._acs = acs
        self._player = player
        self._reconciling = reconciling
        self._notice = _source(settings)
        self._now = now

    @property
    def first_notice(self) -> Notice:
        """The state of the notice in a new recording."""
        return Notice.NONE if self._notice is None else Notice.ASKED

    async def go_on(self, call: Call, recording: Recording) -> Recording:
        """Take the next step of a recording whose start has not been finished."""
        if recording.acs_id is not None:
            return await self.bind(call, recording, recording.acs_id)
        if recording.notice is Notice.ASKED:
            return await self._announce(call, recording)
        return await self.start(call, recording) if recording.may_start else recording

    async def _announce(self, call: Call, recording: Recording) -> Recording:
        """Have the notice played to all; the event of its end leads on. If a response of ACS is
        lost, it may be heard twice."""
        if self._notice is None:  # the setting was removed since
            return await self.start(
                call, await self.update(call, recording, Recording.without_notice)
            )
        try:
            await self._player.play(
                call.connection_id or "", self._notice, None, loop=False, context=recording.id
            )
        except (CallGone, CallRefused) as refused:
            await self._refused(call, recording, refused)
            raise
        return await self.update(call, recording, _accepted)

    async def start(self, call: Call, recording: Recording) -> Recording:
        try:
            acs_id = await self._acs.start(
                call.server_call_id or "",
                self._calls.callback_url(call.call_id),
                repeatability=RepeatabilityHeaders.for_name(recording.id, recording.asked_at),
            )
        except (CallGone, CallRefused) as refused:
            await self._refused(call, recording, refused)
            raise
        return await self.bind(call, recording, acs_id)

    async def bind(self, call: Call, recording: Recording, acs_id: str) -> Recording:
        """Record ACS's id, and then store the row that matches the event about the file: an erasure
        finds both by the record. If the call was erased meanwhile, or the recording stopped, it is
        stopped in ACS; so is a second one that ACS began for the same request."""
        try:
            bound = await self.update(call, recording, lambda found: found.bound(acs_id))
            if bound.acs_id == acs_id and not bound.is_noted:
                await self._files.note(acs_id, call.call_id)
                bound = await self.update(call, recording, Recording.noted)
        except NotFound:
            await self._discard(acs_id)
            raise
        if bound.acs_id != acs_id:
            logger.warning("ACS has started a second recording for one request, which is stopped")
            await self._discard(acs_id)
        return await self.stop(call, bound) if bound.must_stop else bound

    async def _discard(self, acs_id: str) -> None:
        """Stop a recording that nobody knows, and have its file deleted."""
        await self._files.erase_one(acs_id, is_noted=False)
        await self._acs.stop(acs_id)

    async def send(self, call: Call, recording: Recording) -> None:
        """Have ACS pause or go on with a recording."""
        acs_id = recording.acs_id or ""
        pauses = recording.wanted is Wanted.PAUSE
        try:
            await (self._acs.pause(acs_id) if pauses else self._acs.resume(acs_id))
        except NotInAcs:
            await self.update(call, recording, lambda found: found.stopped(self._now()))
            await self._reconciling.reconcile_if_possible(call)
            raise NotRecorded from None
        except CallGone as gone:
            raise CallEnded from gone

    async def stop(self, call: Call, recording: Recording) -> Recording:
        await self._acs.stop(recording.acs_id or "")
        return await self.update(call, recording, lambda found: found.stopped(self._now()))

    async def _refused(
        self, call: Call, recording: Recording, refused: CallGone | CallRefused
    ) -> None:
        """Record that ACS has refused a recording or its notice.

        Raises:
            CallEnded: because the call has ended, or is not connected.
        """
        message = refused.detail if isinstance(refused, CallRefused) else reasons.CALL_GONE
        await self.fail(call, recording, Reason(HTTPStatus.BAD_REQUEST, 0, message))
        if isinstance(refused, CallGone):
            await self._reconciling.reconcile_if_possible(call)
            raise CallEnded from refused

    async def fail(self, call: Call, recording: Recording, reason: Reason) -> None:
        await self.update(call, recording, lambda found: found.failed(reason, self._now()))

    async def update(
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


def _accepted(found: Recording) -> Recording:
    return replace(found, notice=Notice.ACCEPTED) if found.notice is Notice.ASKED else found
