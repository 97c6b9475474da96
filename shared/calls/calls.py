"""Call management: show, list, end, erase and export calls, and apply the events about them.

`placing` places calls, and `actions` is about what happens inside an ongoing call.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from shared.auth.roles import CALLS_MANAGE, CALLS_RECORD
from shared.calls.acs import CallAutomationApi
from shared.calls.acs_types import EstablishedCall
from shared.calls.call_audit import note_if_established
from shared.calls.events import RECORDING_STATE, AppliedEvents, CallEvent, apply_event
from shared.calls.export import exported
from shared.calls.live_calls import Counted
from shared.calls.participants import Participant
from shared.calls.reconciling import CallReconciling
from shared.calls.recorded_files import RecordedFile, RecordedFiles
from shared.calls.records import CallRecords
from shared.calls.rows import Call, CallState, LoggedEvent
from shared.calls.settings import CallSettings
from shared.calls.settling import PLACE, RECORD
from shared.identity.identities import Identities
from shared.intents import Intents
from shared.keys import principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, CallEnded, Forbidden, NotFound, Problem
from shared.upstream.concurrency import for_each

logger = logging.getLogger(__name__)

# Calls on one page of a list.
PAGE = 50
# The ids that `CallRecords` makes; nothing else is looked for.
_CALL_ID = re.compile("[0-9a-f]{32}")
_NO_CALL = "There is no such call."


@dataclass(frozen=True)
class CallView:
    """A call as its creator or a manager sees it.

    Attributes:
        names: by raw id, `user:…` or `bot:…` for participants of the realm, and for the caller and
            the bot in a call to a bot. Empty in a list of calls.
        events: the applied events, in order of time. Empty in a list of calls.
        files: of each recording, by its id. Empty in a list of calls, and for those who may neither
            steer nor record calls.
    """

    call: Call
    names: Mapping[str, str] = field(default_factory=dict)
    events: tuple[LoggedEvent, ...] = ()
    files: Mapping[str, tuple[RecordedFile, ...]] = field(default_factory=dict)

    def id_of(self, raw_id: str | None) -> str | None:
        """The id of a participant of the realm, as its issuer or operator names it."""
        return self.names.get(raw_id or "", "").partition(":")[2] or None


class Calls:
    """All calls of this service.

    A call that does not exist and a call that the caller may not see cause the same NotFound, so
    that nobody learns which calls exist.
    """

    def __init__(
        self,
        records: CallRecords,
        acs: CallAutomationApi,
        identities: Identities,
        settings: CallSettings,
        intents: Intents,
        reconciling: CallReconciling,
        files: RecordedFiles,
    ) -> None:
        self._records = records
        self._acs = acs
        self._identities = identities
        self._settings = settings
        self._intents = intents
        self._reconciling = reconciling
        self._files = files

    async def get(self, caller: Caller, call_id: str) -> CallView:
        """One call, with its events and the names of its participants.

        Raises:
            NotFound: there is no such call, or the caller may not see it.
        """
        call = await self.find_for(caller, call_id)
        events = await self._records.events_of(call_id)
        reconciled = await self._reconciling.reconcile_if_quiet(call, events)
        await self._end_intents_if_ended(call, reconciled)
        # Read the call again, so that it shows what these events changed.
        call = await self._records.find(call_id) or call
        names = dict[str, str]()

        async def look_up(raw_id: str) -> None:
            owner = await self._identities.owner_of(raw_id)
            if owner is not None and owner.realm == call.realm:
                names[raw_id] = f"{owner.kind.value}:{owner.id}"

        # Names are looked up for each request, so that nobody is named after their erasure.
        raw_ids = {one.raw_id for one in call.remote_participants if one.phone_number is None}
        if call.bot_state is not None:
            others = {call.bot_state.caller, call.own_id or call.bot_state.caller}
            raw_ids |= {one for one in others if Participant(one).phone_number is None}
        await for_each(raw_ids, look_up)
        return CallView(call, names, tuple(events), await self._files_for(caller, call))

    async def _files_for(
        self, caller: Caller, call: Call
    ) -> Mapping[str, tuple[RecordedFile, ...]]:
        if not {CALLS_MANAGE, CALLS_RECORD} & caller.roles:
            return {}
        known = call.recordings.known_to_acs
        return {one.id: await self._files.of(one.acs_id) for one in known if one.acs_id is not None}

    async def list_for(
        self, caller: Caller, after: str, bot_id: str | None = None
    ) -> tuple[list[CallView], str | None]:
        """A page of the caller's calls, or of those to a bot of their realm, the newest first.

        Args:
            after: what the page before returned; empty for the first page.

        Returns:
            The calls, and the `after` of the next page; None if this page is the last.

        Raises:
            Forbidden: only managers see the calls to bots.
            NotFound: there is no such bot.
        """
        await self._identities.admit(caller)
        creator = caller.principal
        if bot_id is not None:
            if CALLS_MANAGE not in caller.roles:
                raise Forbidden(f"This needs the app role {CALLS_MANAGE}.")
            creator = await self._bot(creator.realm, bot_id)
        await self._records.tidy(creator)
        calls, next_after = await self._records.page(creator, after, PAGE)
        return [CallView(call) for call in calls if self._records.is_retained(call)], next_after

    async def _bot(self, realm: str, bot_id: str) -> Principal:
        bot = Principal(Kind.BOT, realm, bot_id)
        try:
            identity = await self._identities.find(bot)
        except BeingErased:
            identity = None
        if identity is None:
            raise NotFound("There is no bot by that name.")
        return bot

    async def hang_up(self, caller: Caller, call_id: str) -> None:
        """End a call for everyone. If it has ended already, this does nothing.

        Raises:
            NotFound: there is no such call, or the caller may not see it.
            CallEnded: its connection id is not known yet, or ACS never made it.
        """
        call = await self.find_for(caller, call_id)
        if call.connection_id is None:
            raise CallEnded
        if not await self._end(call):
            reconciled = await self._reconciling.reconcile_if_possible(call)
            await self._end_intents_if_ended(call, reconciled)

    async def admit(self, caller: Caller) -> None:
        """Refuse a caller who was erased meanwhile. Raises as `Identities.find`."""
        await self._identities.admit(caller)

    async def _end_intents_if_ended(self, before: Call, after: Call) -> None:
        """End the intents of a call whose end is recorded. Else Tidy would look at many ended calls
        before it comes to what others need. A recording may go on without this service, so that is
        left to Tidy, which stops it."""
        was_over = before.state is CallState.DISCONNECTED
        if after.state is CallState.DISCONNECTED and not was_over:
            if any(recording.is_open_in_acs for recording in after.recordings.listed):
                await self._intents.begin(RECORD, before.call_id)
            await self._intents.end_all(PLACE, before.call_id)

    async def apply(self, call_id: str, events: Sequence[CallEvent]) -> AppliedEvents:
        """Apply the events of a callback.

        If the call has no record any more, it is ended in ACS: its creator was erased while the
        response that names its connection was lost. So is a second call of ACS's for one request.

        Args:
            events: from a callback that was verified as ACS's; at least one.

        Raises:
            NotFound: there is no such call.
            Forbidden: all events are about another call of the resource.
        """
        applied, foreign = list[AppliedEvents](), None
        for event in events:
            call = await self._call_of(call_id, event)
            await note_if_established(call, event, self._identities)
            try:
                applied.append(AppliedEvents(call, await self._records.apply(call, event)))
                await self._end_intents_if_ended(call, apply_event(call, event))
            except Forbidden as refused:
                if event.kind != RECORDING_STATE:  # it names no connection of a call
                    await self._end_if_ours(call_id, event.data.call_connection_id)
                foreign = refused
        if not applied:
            raise foreign or NotFound(_NO_CALL)
        await self._reconciling.complete_if_due(applied[-1].call)
        return AppliedEvents(applied[-1].call, any(one.has_new_events for one in applied))

    async def erase(self, principal: Principal) -> None:
        """End and remove every call that a person placed, or made to a bot. May be repeated."""
        live = [
            *await self._records.live_calls(principal),
            *await self._records.live_calls(principal, Counted.TO_BOTS),
        ]
        for call in live:
            await self._end(call)
            # Before the record is removed, because a repetition of the erasure needs it.
            await self._intents.end_all(PLACE, call.call_id)
        await self._records.erase(principal, self._erase_recordings)

    async def end_erased(self, call: Call) -> None:
        """End a call whose creator was erased, and erase its recordings. Repeatable."""
        await self._end(call)
        await self._erase_recordings(call)

    async def _erase_recordings(self, call: Call) -> None:
        if call.recordings.listed:
            await self._files.erase(call.recordings.listed)
            await self._intents.end_all(RECORD, call.call_id)

    async def export(self, principal: Principal) -> list[dict[str, Any]]:
        """The calls that a person placed, and those that they made to bots."""
        return exported(await self._records.all_of(principal))

    async def find_for(self, caller: Caller, call_id: str) -> Call:
        """A call that the caller placed, or that the caller may see as a manager of its realm.

        Raises:
            NotFound: there is no such call, or the caller may not see it.
        """
        if not _CALL_ID.fullmatch(call_id):
            raise NotFound(_NO_CALL)
        await self._identities.admit(caller)
        call = await self._records.find(call_id)
        if call is not None and self._records.is_retained(call):
            manages = CALLS_MANAGE in caller.roles and call.realm == caller.principal.realm
            if manages or call.creator == principal_key(caller.principal):
                return call
        raise NotFound(_NO_CALL)

    async def _end(self, call: Call) -> bool:
        """End a call in ACS, if its connection id is known; False if ACS had no such call.

        If ACS's response was lost, nobody knows the id, or whether there is a call. Then its first
        event ends it (`apply`), once the record is gone. Asking ACS again for the id could place
        the call, and ring at people.
        """
        if call.is_ongoing and call.connection_id is not None:
            return await self._acs.hang_up(call.connection_id)
        return True

    async def _call_of(self, call_id: str, event: CallEvent) -> Call:
        if not _CALL_ID.fullmatch(call_id):
            raise NotFound(_NO_CALL)
        call = await self._records.find(call_id)
        if call is None:
            await self._end_if_ours(call_id, event.data.call_connection_id)
            raise NotFound(_NO_CALL)
        return call

    async def bind(self, call: Call, connection: EstablishedCall, note: Callable[[], None]) -> Call:
        """Record ACS's answer to a request to make or answer a call.

        ACS may have forgotten an earlier request for the same, and have made a second call. The
        record keeps the first, and the second is ended: nobody could steer it.

        Args:
            note: writes the audit line of the call. An event that has come before has written it.

        Raises:
            NotFound: the record was removed.
        """

        def note_first(found: Call) -> None:
            if found.connection_id is None:
                note()

        bound = await self.change(call, connection.bind, note_first)
        if bound.connection_id != connection.id:
            logger.warning("ACS has made a second call for one request, which is ended")
            try:
                await self._acs.hang_up(connection.id)
            except Problem as failed:  # its next event ends it
                logger.warning("a second call of ACS's is not ended yet: %s", failed.code)
        return bound

    async def _end_if_ours(self, call_id: str, connection_id: str) -> None:
        """End a call of ACS's to which no record is bound, but only if ACS confirms that its events
        come to this path, which nobody can guess.

        Else an attacker who saw a token of ACS could end any call by naming its connection.
        """
        url = await self._acs.callback_url_of(connection_id)
        if url is not None and urlsplit(url).path == urlsplit(self.callback_url(call_id)).path:
            logger.warning("a call of ACS's to which no record is bound is ended")
            await self._acs.hang_up(connection_id)

    @property
    def has_callback_url(self) -> bool:
        """Do the settings say where ACS reaches this service?"""
        return bool(self._settings.callback_base)

    @property
    def speech_endpoint(self) -> str | None:
        """The endpoint of Azure AI services for text to speech, if there is one."""
        return self._settings.speech_endpoint or None

    def callback_url(self, call_id: str) -> str:
        """Where ACS sends the events of a call."""
        return f"{self._settings.callback_base}/api/callEvents/{call_id}"

    async def change(
        self,
        call: Call,
        change: Callable[[Call], Call],
        note: Callable[[Call], None] | None = None,
    ) -> Call:
        """Change the record of a call, by a function that may run several times; `note` as for
        `CallRecords.change_noted`.

        Raises:
            NotFound: the record was removed.
        """
        if note is None:
            changed = await self._records.change(call.call_id, change)
        else:
            changed = await self._records.change_noted(call.call_id, change, note)
        if changed is None:
            raise NotFound(_NO_CALL)
        return changed
