"""Steering a call that goes on: who else joins or leaves, what is played, what is pressed.

What is asked is noted before ACS is: its id is the operation context by which events tell how it
ended. An invitation costs money and has an Idempotency-Key; a sound may be heard twice, where an
answer of ACS was lost.
"""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from shared.calls.acs import GONE, CallAutomationApi, CallGone
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition
from shared.calls.calls import Calls
from shared.calls.dialling import Dialling, Target
from shared.calls.rows import MOST_ACTIONS, Action, ActionState, Call, CallState, Member, member_id
from shared.keys import key
from shared.principals import Caller
from shared.problems import CallEnded, CallRefused, KeyReused, NotFound


class CallActions:
    """Each method raises NotFound for what is not the caller's, CallEnded for a call that is not
    going on, and CallRefused for what ACS does not take."""

    def __init__(
        self,
        calls: Calls,
        acs: CallAutomationApi,
        dialling: Dialling,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calls = calls
        self._acs = acs
        self._dialling = dialling
        self._now = now

    async def invite(
        self, caller: Caller, call_id: str, idempotency_key: str, target: Target
    ) -> Action:
        """Invite somebody to a call; the same key again is the same invitation."""
        call = await self._calls.find_for(caller, call_id)
        known = await self._dialling.raw_ids(caller.principal.realm, [target], "")
        [raw_id] = known
        number = self._dialling.caller_id(known, None)
        connection = _connection_of(call)
        action = self._action("invite", key("invite", call_id, idempotency_key)[:32], raw_id)
        action = await self._asked(call, action)
        if action.state is not ActionState.REQUESTED:
            return action
        return await self._tell(
            call,
            action,
            lambda: self._acs.add(
                connection,
                raw_id,
                caller_id=number,
                context=action.id,
                repeatability=RepeatabilityHeaders.named(action.id, action.asked_at),
            ),
        )

    async def remove(self, caller: Caller, call_id: str, participant: str) -> Action:
        """Remove somebody from a call, by the id that answers give them; repeatable."""
        call = await self._calls.find_for(caller, call_id)
        member = _member(call, participant)
        connection = _connection_of(call)
        action = self._action("remove", uuid.uuid4().hex, member.raw_id)
        await self._asked(call, action)
        return await self._tell(
            call,
            action,
            lambda: self._acs.remove(
                connection,
                member.raw_id,
                context=action.id,
                repeatability=RepeatabilityHeaders.named(action.id, action.asked_at),
            ),
        )

    async def play(
        self, caller: Caller, call_id: str, source: PlaySource, to: str | None, *, loop: bool
    ) -> Action:
        """Play audio to a participant, or to all."""
        call = await self._calls.find_for(caller, call_id)
        self._dialling.check_source(source, "")
        raw_id = _member(call, to).raw_id if to else None
        connection = _connection_of(call)
        action = self._action("play", uuid.uuid4().hex, "")
        await self._asked(call, action)
        return await self._tell(
            call,
            action,
            lambda: self._acs.play(connection, source, raw_id, loop=loop, context=action.id),
        )

    async def collect(
        self,
        caller: Caller,
        call_id: str,
        target: Target,
        recognition: ToneRecognition,
        prompt: PlaySource | None,
    ) -> Action:
        """Hear what somebody in the call presses; the tones appear with the action."""
        call = await self._calls.find_for(caller, call_id)
        if prompt is not None:
            self._dialling.check_source(prompt, "prompt.")
        [raw_id] = await self._dialling.raw_ids(caller.principal.realm, [target], "from.")
        if raw_id not in {member.raw_id for member in call.members}:
            raise NotFound("Who is to be heard is not in the call.")
        connection = _connection_of(call)
        action = self._action("tones", uuid.uuid4().hex, "")
        await self._asked(call, action)
        return await self._tell(
            call,
            action,
            lambda: self._acs.collect(connection, raw_id, recognition, prompt, context=action.id),
        )

    def _action(self, kind: str, id_: str, fingerprint: str) -> Action:
        return Action(
            id=id_, kind=kind, fingerprint=key("wish", kind, fingerprint), asked_at=self._now()
        )

    async def _asked(self, call: Call, action: Action) -> Action:
        """Note an action before ACS is asked; the one that stands, where its id came before."""

        def noted(found: Call) -> Call:
            if action.id in found.actions:
                return found
            if len(found.actions) >= MOST_ACTIONS:
                raise CallRefused(f"A call takes {MOST_ACTIONS} actions.")
            return found.with_action(action)

        standing = (await self._calls.change(call, noted)).actions[action.id]
        if standing.fingerprint != action.fingerprint:
            raise KeyReused
        return standing

    async def _tell(self, call: Call, action: Action, ask: Callable[[], Awaitable[None]]) -> Action:
        """Ask ACS for an action; what it refuses has failed."""
        try:
            await ask()
        except (CallGone, CallRefused) as refused:
            at = self._now()
            why = refused.detail if isinstance(refused, CallRefused) else GONE
            await self._calls.change(call, lambda found: found.with_refused(action.id, why, at))
            if isinstance(refused, CallGone):
                raise CallEnded from refused
            raise
        return action


def _connection_of(call: Call) -> str:
    if call.connection_id is None or call.state is CallState.DISCONNECTED:
        raise CallEnded
    return call.connection_id


def _member(call: Call, participant: str) -> Member:
    for member in call.members:
        if member_id(call.call_id, member.raw_id) == participant:
            return member
    raise NotFound("There is no such participant.")
