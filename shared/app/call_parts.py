"""The parts for calls that the service places and steers, and for calls that bots answer."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.teams_phone_parts import TeamsPhoneParts
from shared.principals import Kind, Principal

if TYPE_CHECKING:
    from shared.bot_calls.attendant import Attendant
    from shared.bot_calls.incoming_calls import IncomingCalls
    from shared.bot_calls.routing import Routing
    from shared.calls.acs import CallAutomationApi
    from shared.calls.actions import CallActions
    from shared.calls.calls import Calls
    from shared.calls.dialling import Dialling
    from shared.calls.limits import CallLimit
    from shared.calls.placing import CallPlacing
    from shared.calls.reconciling import CallReconciling
    from shared.calls.recorded_files import RecordedFiles
    from shared.calls.recording import CallRecording
    from shared.calls.recording_acs import CallRecordingApi
    from shared.calls.records import CallRecords
    from shared.calls.rows import Call
    from shared.calls.settling import CallSettling
    from shared.tables import Table


class CallParts(TeamsPhoneParts):
    """Calls that the service places and steers, and calls that bots answer."""

    @cached_property
    def calls(self) -> "Calls":
        from shared.calls.calls import Calls

        return Calls(
            self.call_records,
            self._call_automation,
            self.identities,
            self.settings.calls,
            self.intents,
            self.call_reconciling,
            self.recorded_files,
        )

    @cached_property
    def call_recording(self) -> "CallRecording":
        from shared.calls.recording import CallRecording
        from shared.calls.recording_steps import RecordingSteps

        steps = RecordingSteps(
            self.calls,
            self.recorded_files,
            self._recording_api,
            self._call_automation,
            self.call_reconciling,
            self.settings.calls,
            self._now,
        )
        return CallRecording(
            self.calls, self.call_records, self.recorded_files, steps, self.intents, self._now
        )

    @cached_property
    def recorded_files(self) -> "RecordedFiles":
        return self._recorded_files_on(self._table(tables.CALLS))

    def _recorded_files_on(self, table: "Table") -> "RecordedFiles":
        from shared.calls.recorded_files import RecordedFiles

        return RecordedFiles(table, self._recording_api, self._now)

    @cached_property
    def _recording_api(self) -> "CallRecordingApi":
        from shared.calls.recording_acs import CallRecordingApi

        return CallRecordingApi(self._call_automation, self.settings.calls.recording_storage)

    @cached_property
    def call_placing(self) -> "CallPlacing":
        from shared.calls.placing import CallPlacing

        return CallPlacing(
            self.calls,
            self.call_records,
            self._call_automation,
            self.identities,
            self._dialling,
            self._call_limit,
            self.settings.calls.caller_id,
            self.tokens.enrolled,
            reconciling=self.call_reconciling,
            intents=self.intents,
            now=self._now,
        )

    @cached_property
    def call_settling(self) -> "CallSettling":
        from shared.calls.erased_calls import ErasedCalls
        from shared.calls.settling import CallSettling

        erased = ErasedCalls(self.call_records, self.identities, self.calls.end_erased)
        return CallSettling(
            self.call_records,
            self.intents,
            self._now,
            reconciling=self.call_reconciling,
            resume=self._resume_bot,
            settle_recordings=self._settle_recordings,
            discard_if_erased=erased.discard_if_erased,
        )

    async def _resume_bot(self, call: "Call") -> None:
        await self.attendant.resume(call)  # built only if a bot's call is resumed

    async def _settle_recordings(self, call: "Call") -> None:
        await self.call_recording.settle(call)  # built only if a call was recorded

    @cached_property
    def call_reconciling(self) -> "CallReconciling":
        return self._reconciling_of(self.call_records)

    def _reconciling_of(self, records: "CallRecords") -> "CallReconciling":
        from shared.calls.reconciling import CallReconciling

        return CallReconciling(records, self._call_automation, self._now)

    @cached_property
    def call_actions(self) -> "CallActions":
        from shared.calls.actions import CallActions

        return CallActions(
            self.calls,
            self._call_automation,
            self._dialling,
            self.call_reconciling,
            self._call_limit,
            self._now,
        )

    @cached_property
    def incoming_calls(self) -> "IncomingCalls":
        from shared.bot_calls.incoming_calls import IncomingCalls

        return IncomingCalls(
            self.calls,
            self.call_records,
            self._call_automation,
            self._routing,
            self._call_limit,
            self.settings.bot_calls,
            intents=self.intents,
            add_file=self.call_recording.add_file,
            now=self._now,
        )

    @cached_property
    def _routing(self) -> "Routing":
        from shared.bot_calls.routing import AccountBot, Routing

        account_bots = {
            one.raw_id: AccountBot(one.id, Principal(Kind.BOT, realm, one.bot))
            for realm, accounts in self._accounts.items()
            for one in accounts
            if one.bot
        }
        return Routing(
            self.identities,
            self.settings.upstream.resource_id,
            account_bots,
            standalone=self.settings.calls.standalone,
        )

    @cached_property
    def attendant(self) -> "Attendant":
        from shared.bot_calls.attendant import Attendant
        from shared.bot_calls.connecting import Connecting

        return Attendant(
            self.call_records,
            self._call_automation,
            Connecting(self.identities, self._dialling.agent),
            self.settings.bot_calls,
            self._now,
            reconcile=self.call_reconciling.reconcile_if_possible,
        )

    @cached_property
    def call_records(self) -> "CallRecords":
        from shared.calls.records import CallRecords

        return CallRecords(self._table(tables.CALLS), self.settings.calls.retention_days, self._now)

    @cached_property
    def _call_limit(self) -> "CallLimit":
        from shared.calls.limits import CallLimit

        return CallLimit(
            self.call_records,
            self.call_reconciling.reconcile,
            self.settings.calls.max_live_calls,
            self.settings.calls.max_legs,
            self._now,
            max_to_account=self.settings.calls.max_to_account,
        )

    @cached_property
    def _dialling(self) -> "Dialling":
        from shared.calls.dialling import Dialling

        return Dialling(
            self.identities,
            self.settings.calls,
            self._accounts,
            self.agents,
        )

    @cached_property
    def _call_automation(self) -> "CallAutomationApi":
        from shared.calls.acs import CallAutomationApi, call_automation_client

        return CallAutomationApi(
            lambda: call_automation_client(self.settings.upstream, self.upstream)
        )
