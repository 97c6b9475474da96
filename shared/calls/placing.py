"""Placing calls: each once, and within the limit on its caller's calls.

Each call is recorded before ACS is asked, because calls cost money: if a response is lost, the host
dies or the same request comes again, it is still one call.
"""

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.calls.acs import CallAutomationApi, CallGone
from shared.calls.acs_types import EstablishedCall, RepeatabilityHeaders
from shared.calls.call_audit import note_placed
from shared.calls.calls import Calls, CallView
from shared.calls.dialling import Dialling, Source, Target
from shared.calls.limits import CallLimit
from shared.calls.participants import Participant
from shared.calls.reconciling import FIRST_LOOK, CallReconciling
from shared.calls.records import CallRecords
from shared.calls.rows import REPEATABLE, TOO_OLD, Call, CallState
from shared.calls.settling import PLACE
from shared.identity.identities import Identities
from shared.intents import Intent, Intents
from shared.keys import key
from shared.principals import Caller, Principal
from shared.problems import (
    BeingErased,
    CallEnded,
    CallRefused,
    Conflict,
    NotConfigured,
    NotFound,
    Unauthenticated,
)
from shared.tables import Row, Value
from shared.unavailable import StorageUnavailable


@dataclass(frozen=True)
class _Wish:
    """What a request asks for.

    Attributes:
        names: of those who are called, by raw id; empty for a phone number.
        caller_id, account_name: who is to call; both None for the default.
    """

    names: Mapping[str, str]
    caller_id: str | None
    account_name: str | None
    group_id: str | None

    def fingerprints(self, source: Source, number: str) -> list[str]:
        """What tells a repetition of the request from another request: first what is stored now,
        then what earlier versions, or other settings, stored for the same request.

        By then the settings may name another account, or none: the call's record has its own. The
        number of the resource is not in the record, and ACS has to be asked for the same again, so
        it is part of the fingerprint of a call without an account.

        Args:
            source: who would call now.
            number: of the resource; or empty.
        """
        # By names, because a person whose identity is replaced gets another raw id.
        people = sorted(name or raw_id for raw_id, name in self.names.items())
        raw_ids = sorted(self.names)  # of the first version
        asked = self.account_name or "", self.caller_id or ""
        by_account = key("call of an account", *asked, *people)
        if source.account is None:
            shown, group = source.caller_id or "", self.group_id or ""
            return [key("call", *one, shown, group) for one in (people, raw_ids)] + [by_account]
        same = [by_account, *(key("call as", source.account, *one) for one in (people, raw_ids))]
        if asked == ("", ""):
            same += [key("call", *one, number, "") for one in (people, raw_ids)]
        return same


@dataclass(frozen=True)
class _Asked:
    """What ACS is asked for. Attributes as in `Call`."""

    targets: tuple[str, ...]
    group_id: str | None
    account: str | None


class CallPlacing:
    """Places calls for users and services."""

    def __init__(
        self,
        calls: Calls,
        records: CallRecords,
        acs: CallAutomationApi,
        identities: Identities,
        dialling: Dialling,
        limit: CallLimit,
        caller_id: str,
        ensure_identity: Callable[[Caller], Awaitable[object]],
        *,
        reconciling: CallReconciling,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            caller_id: the number of the resource that called phones show; or empty.
            ensure_identity: creates an identity for a caller without one.
        """
        self._calls = calls
        self._records = records
        self._acs = acs
        self._identities = identities
        self._dialling = dialling
        self._limit = limit
        self._reconciling = reconciling
        self._caller_id = caller_id
        self._ensure_identity = ensure_identity
        self._intents = intents
        self._now = now

    async def place(
        self,
        caller: Caller,
        idempotency_key: str,
        targets: Sequence[Target],
        caller_id: str | None,
        group_id: str | None,
        account_name: str | None = None,
    ) -> CallView:
        """Call users, bots and phone numbers, or join a group call.

        A repetition with the same key is the same call.

        Args:
            account_name: the Teams resource account that calls the phones.

        Raises:
            InvalidRequest: a target has no identity here, or may not be called, or not with others.
            KeyReused: the key came before with another request.
            TooManyCalls: too many calls of the caller go on.
            TooManyLegs: the caller has called too many people in the last minute.
            CallRefused: ACS does not accept the request.
            CallEnded: the request is too old to be repeated.
            NotConfigured: a setting is missing.
        """
        if not self._calls.has_callback_url:
            raise NotConfigured("CALLBACK_BASE_URL is not set.")
        creator = caller.principal
        # An erasure marks the identity, which the `admit` at the end sees.
        await self._ensure_identity(caller)
        names = await self._dialling.resolve(creator.realm, targets, "to.{}.")
        source = self._dialling.source(creator.realm, targets, caller_id, account_name)
        wish = _Wish(names, caller_id, account_name, group_id)
        fingerprint, *same_fingerprints = wish.fingerprints(source, self._caller_id)
        begun: list[Intent] = []

        async def note(call_id: str) -> None:
            details = {"provenAt": caller.issued_at}
            begun.append(await self._intents.begin(PLACE, call_id, details))

        async def count(row: Row | None, call_id: str) -> Mapping[str, Value]:
            # To join a group call costs as much as to call somebody.
            return await self._limit.with_new_call(creator, row, call_id, max(1, len(names)))

        call = await self._records.begin(
            creator,
            idempotency_key,
            fingerprint,
            before_writing=note,
            count=count,
            same_fingerprints=same_fingerprints,
        )
        # If requests with the same key race, all but one noted a call that never begins.
        needless = [intent for intent in begun if intent.subject != call.call_id]
        begun = [intent for intent in begun if intent.subject == call.call_id]
        await self._end(needless)
        if call.state is not CallState.PLACING and not self._is_missed(call):
            # If the answer to the request that placed it was lost, only ACS knows who the service
            # is in the call; else it would be shown as a participant.
            view = CallView(await self._reconciling.complete_if_possible(call))
        else:
            is_new = bool(begun)
            if not is_new:
                await note(call.call_id)
            asked = _Asked(tuple(names), group_id, source.account)
            view = await self._place(caller, call, asked, begun, is_new=is_new)
        # If something failed before this, the intent stays as it is, so that Tidy settles the call
        # soon.
        for intent in begun:
            await self._look_later(intent, view.call)
        return view

    async def _look_later(self, intent: Intent, call: Call) -> None:
        """Leave an intent to Tidy until the call has ended, in case its end is lost."""
        if call.state is CallState.DISCONNECTED:
            await self._intents.end(intent)
            return
        with contextlib.suppress(StorageUnavailable):  # then Tidy looks earlier
            await self._intents.postpone(intent, call.created_at + FIRST_LOOK)

    async def _place(
        self,
        caller: Caller,
        call: Call,
        asked: "_Asked",
        begun: Sequence[Intent],
        *,
        is_new: bool,
    ) -> CallView:
        """Ask ACS for a recorded call.

        Args:
            is_new: whether this request has begun it, so that it has its place.
        """
        creator = caller.principal
        if not call.may_have_reached_acs:
            if not is_new and not await self._limit.take_again(creator, call, was_free=False):
                await self._records.abandon(call)
                await self._end(begun)
                raise self._limit.too_many_calls()
            await self._records.tidy(creator)
            call = await self._record_asked(call, asked)
        elif not self._is_repeatable(call):
            raise CallEnded(TOO_OLD)
        else:
            call = await self._count_again(creator, call)
        connection = await self._connect(call)
        try:
            # Record the connection first, then look for an erasure: either the erasure sees the
            # connection and ends the call, or we see the erasure.
            call = await self._calls.bind(
                call, connection, lambda: note_placed(call.call_id, creator)
            )
            await self._identities.admit(caller)
        except (NotFound, Unauthenticated, BeingErased):
            note_placed(call.call_id, creator)
            await self._acs.hang_up(connection.id)
            await self._records.discard(call)
            await self._end(begun)
            await self._identities.admit(caller)  # raises the reason why the record is gone
            raise
        return CallView(call)

    async def _end(self, begun: Iterable[Intent]) -> None:
        for intent in begun:
            await self._intents.end(intent)

    def _is_missed(self, call: Call) -> bool:
        """Was it recorded as missed because ACS had not confirmed it, and may be asked again?"""
        return call.is_refused and call.connection_id is None and self._is_repeatable(call)

    async def _connect(self, call: Call) -> EstablishedCall:
        """Ask ACS to make the call.

        If ACS refuses, the record stays: ACS may have accepted an earlier request for the same
        call, whose first event then brings the connection id. If it has come, that is the call.
        """
        try:
            return await self._request(call)
        except (CallRefused, CallGone) as refused:
            kept = await self._calls.change(call, _refused)
            if kept.connection_id is not None:
                return EstablishedCall(kept.connection_id, kept.server_call_id, kept.own_id)
            if isinstance(refused, CallGone):
                raise CallRefused("ACS does not know the call that is to be joined.") from refused
            raise

    async def _request(self, call: Call) -> EstablishedCall:
        """One request, the same at each repetition: ACS then gives the same answer."""
        url = self._calls.callback_url(call.call_id)
        headers = RepeatabilityHeaders.for_name(call.call_id, call.created_at)
        speech_endpoint = self._calls.speech_endpoint
        if call.group_id is not None:
            return await self._acs.join(
                call.group_id, url, speech_endpoint=speech_endpoint, repeatability=headers
            )
        has_phones = any(Participant(raw_id).phone_number for raw_id in call.targets)
        return await self._acs.create(
            call.targets,
            url,
            caller_id=self._caller_id if has_phones and call.account is None else None,
            account=call.account,
            speech_endpoint=speech_endpoint,
            repeatability=headers,
        )

    async def _record_asked(self, call: Call, asked: "_Asked") -> Call:
        """Record whom the call is for, and who calls, before ACS is asked.

        Raises:
            Conflict: the call is being removed, or is gone: a repetition begins another.
        """

        def record(found: Call) -> Call:
            if found.is_abandoned:
                raise Conflict
            group_id, targets, account = asked.group_id, asked.targets, asked.account
            return replace(found, group_id=group_id, targets=targets, account=account)

        try:
            return await self._calls.change(call, record)
        except NotFound:
            raise Conflict from None

    async def _count_again(self, creator: Principal, call: Call) -> Call:
        """Give a call its place again if ACS may have been asked for it before.

        If ACS refused it, the record first says that the call counts. A request that would free its
        place then either sees that, or finds the row changed.

        Raises:
            TooManyCalls: too many others go on. The call is kept as refused: ACS may have made it
                after all.
        """
        counting = await self._calls.change(call, Call.revived) if call.is_refused else call
        if not await self._limit.take_again(creator, call, was_free=call.is_refused):
            kept = await self._calls.change(call, _refused)
            if kept.connection_id is None:
                raise self._limit.too_many_calls()
            # An event has told of it meanwhile, and took it for one that counts.
            await self._records.count_again(kept)
            return kept
        return counting

    def _is_repeatable(self, call: Call) -> bool:
        return self._now() - call.created_at < REPEATABLE


def _refused(call: Call) -> Call:
    """The call as one that does not count until ACS reports a connection; unchanged if it has."""
    return call if call.connection_id is not None else replace(call, is_refused=True)
