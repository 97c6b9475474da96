"""Actions in an ongoing call: invite and remove participants, play audio, recognize tones.

Each action is recorded before ACS is asked. Its id is the operation context, by which the events
about it are matched to it. An invitation costs money, so it has an Idempotency-Key; audio may be
heard twice if a response of ACS is lost.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from shared import audit
from shared.calls import reasons
from shared.calls.acs import CallAutomationApi, CallGone
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition
from shared.calls.calls import Calls
from shared.calls.dialling import Dialling, Target
from shared.calls.limits import CallLimit
from shared.calls.participants import Participant, participant_id
from shared.calls.reconciling import CallReconciling
from shared.calls.rows import INVITE, REPEATABLE, TOO_OLD, Action, ActionState, Call, CallState
from shared.keys import key
from shared.principals import Caller
from shared.problems import (
    BeingErased,
    CallEnded,
    CallRefused,
    KeyReused,
    NotFound,
    TooManyActions,
    Unauthenticated,
)


class CallActions:
    """The actions that the creator of a call, or a manager of its realm, may ask for.

    Raises:
        NotFound: the call or the participant does not exist, or the caller may not see the call.
        CallEnded: the call has ended, or is not connected yet.
        CallRefused: ACS does not accept the action.
        TooManyActions: too many actions of the call go on.
    """

    def __init__(
        self,
        calls: Calls,
        acs: CallAutomationApi,
        dialling: Dialling,
        reconciling: CallReconciling,
        limit: CallLimit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._acs = acs
        self._dialling = dialling
        self._reconciling = reconciling
        self._limit = limit
        self._now = now

    async def invite(
        self, caller: Caller, call_id: str, idempotency_key: str, target: Target
    ) -> Action:
        """Invite somebody to a call. A repetition with the same key is the same invitation.

        Raises:
            TooManyLegs: the caller has called and invited too many people in the last minute.
        """
        call = await self._calls.find_for(caller, call_id)
        invitee = await self._dialling.invitee(caller.principal.realm, target, call.account)
        raw_id = invitee.raw_id
        connection_id = _connection_id_of(call)
        id_ = key(INVITE, call_id, idempotency_key)[:32]
        earlier = self._action(INVITE, id_, raw_id).fingerprint
        # By name, because a person whose identity is replaced gets another raw id.
        requested = self._action(INVITE, id_, invitee.name or raw_id)
        if id_ not in call.actions:
            await self._count_leg(caller, id_)

        def note(_: Call) -> None:
            who = caller.principal
            audit.record("number-invited", who, who, call=call_id, invitation=id_)

        # A phone costs.
        action = await self._record(call, requested, earlier, None if invitee.name else note)
        if action.state is not ActionState.REQUESTED:
            return action
        if self._now() - action.asked_at >= REPEATABLE:
            raise CallEnded(TOO_OLD)
        return await self._send(
            call,
            action,
            lambda: self._acs.add_participant(
                connection_id,
                raw_id,
                caller_id=invitee.caller_id,
                context=action.id,
                repeatability=RepeatabilityHeaders.for_name(action.id, action.asked_at),
            ),
        )

    async def remove(self, caller: Caller, call_id: str, id_in_answers: str) -> Action:
        """Remove a participant from a call, by the id that answers give; repeatable."""
        call = await self._calls.find_for(caller, call_id)
        participant = _participant(call, id_in_answers)
        connection_id = _connection_id_of(call)
        action = self._action("remove", uuid.uuid4().hex, participant.raw_id)
        await self._record(call, action)
        return await self._send(
            call,
            action,
            lambda: self._acs.remove_participant(
                connection_id,
                participant.raw_id,
                context=action.id,
                repeatability=RepeatabilityHeaders.for_name(action.id, action.asked_at),
            ),
        )

    async def play(
        self, caller: Caller, call_id: str, source: PlaySource, to: str | None, *, loop: bool
    ) -> Action:
        """Play audio to one participant, by the id that answers give, or to all."""
        call = await self._calls.find_for(caller, call_id)
        self._dialling.check_source(source, "")
        raw_id = _participant(call, to).raw_id if to else None
        connection_id = _connection_id_of(call)
        action = self._action("play", uuid.uuid4().hex, "")
        await self._record(call, action)
        return await self._send(
            call,
            action,
            lambda: self._acs.play(connection_id, source, raw_id, loop=loop, context=action.id),
        )

    async def collect(
        self,
        caller: Caller,
        call_id: str,
        target: Target,
        recognition: ToneRecognition,
        prompt: PlaySource | None,
    ) -> Action:
        """Recognize the tones that a participant presses; they are shown with the action later."""
        call = await self._calls.find_for(caller, call_id)
        if prompt is not None:
            self._dialling.check_source(prompt, "prompt.")
        [raw_id] = await self._dialling.resolve(caller.principal.realm, [target], "from.")
        if raw_id not in {participant.raw_id for participant in call.participants}:
            raise NotFound("The participant to be heard is not in the call.")
        connection_id = _connection_id_of(call)
        action = self._action("tones", uuid.uuid4().hex, "")
        await self._record(call, action)
        return await self._send(
            call,
            action,
            lambda: self._acs.collect(
                connection_id, raw_id, recognition, prompt, context=action.id
            ),
        )

    async def _count_leg(self, caller: Caller, invitation: str) -> None:
        """Count an invitation, and then look for an erasure: either the erasure of the caller sees
        what was written, or we see the erasure."""
        await self._limit.count_leg(caller.principal, invitation)
        try:
            await self._calls.admit(caller)
        except (Unauthenticated, BeingErased):
            await self._limit.forget(caller.principal, invitation)
            raise

    def _action(self, kind: str, id_: str, whom: str) -> Action:
        return Action(id=id_, kind=kind, fingerprint=key("wish", kind, whom), asked_at=self._now())

    async def _record(
        self,
        call: Call,
        action: Action,
        earlier_fingerprint: str = "",
        note: Callable[[Call], None] | None = None,
    ) -> Action:
        """Record an action before ACS is asked.

        Args:
            earlier_fingerprint: what an earlier version has stored for the same request.
            note: writes the audit line of a new action.

        Returns:
            The recorded action: that of an earlier request if its id came before.

        Raises:
            TooManyActions: no recorded action may make room. Removing somebody is never refused.
        """

        def add_action(found: Call) -> Call:
            if action.id in found.actions:
                return found
            with_room = found.with_room(self._now(), is_urgent=action.kind == "remove")
            if with_room is None:
                raise TooManyActions
            return with_room.with_action(action)

        recorded = (await self._calls.change(call, add_action, note)).actions[action.id]
        if recorded.fingerprint not in (action.fingerprint, earlier_fingerprint):
            raise KeyReused
        return recorded

    async def _send(
        self, call: Call, action: Action, request: Callable[[], Awaitable[None]]
    ) -> Action:
        """Ask ACS for an action; if ACS refuses it, record that it has failed."""
        try:
            await request()
        except (CallGone, CallRefused) as refused:
            at = self._now()
            message = refused.detail if isinstance(refused, CallRefused) else reasons.CALL_GONE
            await self._calls.change(
                call, lambda found: found.with_failed_action(action.id, message, at)
            )
            if isinstance(refused, CallGone):
                await self._reconciling.reconcile_if_possible(call)
                raise CallEnded from refused
            raise
        return action


def _connection_id_of(call: Call) -> str:
    if call.connection_id is None or call.state is CallState.DISCONNECTED:
        raise CallEnded
    return call.connection_id


def _participant(call: Call, id_in_answers: str) -> Participant:
    for participant in call.participants:
        if participant_id(call.call_id, call.salt, participant.raw_id) == id_in_answers:
            return participant
    raise NotFound("There is no such participant.")
