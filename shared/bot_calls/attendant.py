"""The attendant: what a bot does in a call that it has answered, one turn after the other.

Each turn is recorded before ACS is asked for it, and the events about it lead to the next. If a
host dies, ACS delivers the event again. Then another request takes the turn over, as soon as the
dead one can no longer be asking ACS. So audio may be heard twice, but the invited person is rung
once, and the call is ended once.
"""

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from shared.bot_calls.acs import Acs
from shared.bot_calls.choices import Say
from shared.bot_calls.connecting import Connecting
from shared.bot_calls.scripts import BotScript
from shared.bot_calls.settings import BotCallSettings
from shared.bot_calls.turns import NextTurn, next_turn
from shared.calls import reasons
from shared.calls.acs import CallGone
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition
from shared.calls.bot_state import BotCallState, BotTurn, Step
from shared.calls.events import AppliedEvents
from shared.calls.reconciling import Reconcile
from shared.calls.records import CallRecords
from shared.calls.rows import Action, Call, CallState
from shared.calls.spoken import is_url
from shared.keys import key
from shared.problems import CallRefused, Problem, Throttled
from shared.unavailable import Unavailable

logger = logging.getLogger(__name__)

# The lease of a claim: for so long the request that claims a turn may ask ACS for it, less a
# margin, because clocks may differ by that much. Then another request may take over. The lease is
# short, because the caller hears silence meanwhile.
_LEASE, _MARGIN = timedelta(seconds=5), timedelta(seconds=1)
# Seconds before the second and the third request for a turn, plus or minus half.
_PAUSES = (0.3, 0.9)
# Long enough for a person to think, and to find the key.
_RECOGNITION = ToneRecognition(
    max_tones=1, stop_tones="", initial_silence_timeout=10, inter_tone_timeout=2
)
# The kind of action of each step; hanging up is no action.
_KINDS = {Step.GREET: "play", Step.SAY: "play", Step.LISTEN: "tones", Step.CONNECT: "invite"}


class Attendant:
    """Takes the bot's next turn in a call, after each event about the call."""

    def __init__(
        self,
        records: CallRecords,
        acs: Acs,
        connecting: Connecting,
        settings: BotCallSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        reconcile: Reconcile | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            reconcile: asks ACS whether a call goes on, after a turn failed with CallGone.
        """
        self._records = records
        self._acs = acs
        self._connecting = connecting
        self._settings = settings
        self._now = now
        self._reconcile = reconcile
        self._sleep = sleep

    async def continue_call(self, applied_events: AppliedEvents) -> None:
        """Take the turn that follows from the events, unless another request takes it.

        Raises:
            Unavailable, Throttled: ACS failed several times, or another request has claimed the
                turn that these events led to, and may have died. If ACS does not deliver the events
                again, Tidy takes the turn.
        """
        if applied_events.call.bot_state is None:
            return
        request_id, failures, ends_at = uuid.uuid4().hex, 0, self._now() + _LEASE - _MARGIN
        while True:
            call = await self._records.change(
                applied_events.call.call_id, partial(self._with_claim, request_id)
            )
            turn = call.bot_state.turn if call is not None and call.bot_state else None
            if call is None or turn is None or turn.has_response:
                return
            if turn.claimed_by != request_id:
                if call.state is CallState.CONNECTED and _may_have_led_to(applied_events, turn):
                    raise Unavailable("Another request is at this; it may have died.")
                return
            try:
                if await self._perform(call, turn):
                    return
            except (Unavailable, Throttled) as failed:
                # Nobody promises that ACS delivers the events again, so it is asked again here.
                wait = failed.retry_after or 0.0
                if failures == len(_PAUSES) or self._now() + timedelta(seconds=wait) > ends_at:
                    raise
                pause = max(wait, _PAUSES[failures] * random.uniform(0.5, 1.5))  # noqa: S311
                await self._sleep(pause)
                failures += 1
                # Under a new id it takes over the turn, which may have been sent already.
                request_id = uuid.uuid4().hex

    async def resume(self, call: Call) -> None:
        """Take a turn that nobody has taken, because its request failed or died.

        Raises as `continue_call`.
        """
        await self.continue_call(AppliedEvents(call, has_new_events=False))

    def _with_claim(self, request_id: str, found: Call) -> Call:
        """The call with a turn that this request claims; unchanged if there is none to claim."""
        bot_state = found.bot_state
        if bot_state is None:
            return found
        menu = self._settings.script_of(bot_state.bot).menu
        turn, following = bot_state.turn, next_turn(menu, found, self._now())
        if following is not None:
            return self._with_new_turn(found, bot_state, following, request_id)
        is_ours = turn is not None and turn.claimed_by == request_id
        if turn is None or turn.has_response or is_ours or turn.claimed_until > self._now():
            return found
        if found.state is not CallState.CONNECTED:
            return found
        return self._with_takeover(found, bot_state, turn, request_id)

    def _with_new_turn(
        self, found: Call, bot_state: BotCallState, following: NextTurn, request_id: str
    ) -> Call:
        previous, now = bot_state.turn, self._now()
        turn = BotTurn(
            number=0 if previous is None else previous.number + 1,
            step=following.step,
            action="" if following.step is Step.HANG_UP else uuid.uuid4().hex,
            tone=following.tone,
            misses=following.misses,
            claimed_by=request_id,
            claimed_until=now + _LEASE,
        )
        changed = replace(found, bot_state=replace(bot_state, turn=turn))
        if following.step is Step.HANG_UP:
            return changed
        kind = _KINDS[following.step]
        with_room = changed.with_room(now) or changed
        return with_room.with_action(Action(turn.action, kind, key("wish", kind, ""), now))

    def _with_takeover(
        self, found: Call, bot_state: BotCallState, turn: BotTurn, request_id: str
    ) -> Call:
        """The call with the turn of a dead request claimed by this one.

        Audio that may be playing already is interrupted, so that the turn gets a new action: the
        end of the interrupted one must not count as its own. An invitation keeps its action, so
        that ACS recognizes the repetition.
        """
        ours = replace(
            turn, claimed_by=request_id, claimed_until=self._now() + _LEASE, is_takeover=True
        )
        if turn.step in (Step.HANG_UP, Step.CONNECT):
            return replace(found, bot_state=replace(bot_state, turn=ours))
        action = replace(found.actions[turn.action], id=uuid.uuid4().hex, asked_at=self._now())
        others = {id_: other for id_, other in found.actions.items() if id_ != turn.action}
        ours = replace(ours, action=action.id)
        return replace(
            found,
            actions={**others, action.id: action},
            bot_state=replace(bot_state, turn=ours),
        )

    async def _perform(self, call: Call, turn: BotTurn) -> bool:
        """Ask ACS for the turn, and record its response.

        Returns:
            Whether ACS accepted it. If not, the turn has failed, and the next one may follow.
        """
        try:
            seconds_left = (turn.claimed_until - self._now() - _MARGIN).total_seconds()
            if seconds_left <= 0:
                raise TimeoutError
            async with asyncio.timeout(seconds_left):
                await self._send(call, turn)
        except (CallGone, CallRefused) as refused:
            message = refused.detail if isinstance(refused, CallRefused) else reasons.CALL_GONE
            await self._record_response(call, turn, message)
            if isinstance(refused, CallGone) and self._reconcile is not None:
                await self._reconcile(call)
            return False
        except (Problem, TimeoutError):
            with contextlib.suppress(Problem):
                await self._release(call, turn)
            raise
        await self._record_response(call, turn, None)
        return True

    async def _send(self, call: Call, turn: BotTurn) -> None:
        """Ask ACS for the turn.

        Raises:
            CallRefused: also if there is nothing to play, or nobody to invite.
            CallGone, CommunicationUnavailable, Throttled: as CallAutomationApi raises them.
        """
        connection_id, bot_state = call.connection_id, call.bot_state
        if connection_id is None or bot_state is None:
            raise CallGone
        script = self._settings.script_of(bot_state.bot)
        match turn.step:
            case Step.GREET:
                await self._play(connection_id, _source(script.greeting, script), turn)
            case Step.SAY:
                choice = script.menu.choices.get(turn.tone)
                url_or_text = choice.url_or_text if isinstance(choice, Say) else ""
                await self._play(connection_id, _source(url_or_text, script), turn)
            case Step.LISTEN:
                await self._acs.collect(
                    connection_id,
                    bot_state.caller,
                    _RECOGNITION,
                    _prompt(script, turn),
                    context=turn.action,
                    interrupts=turn.is_takeover,
                )
            case Step.CONNECT:
                await self._connect(connection_id, bot_state, call, turn)
            case Step.HANG_UP if _has_others(call, bot_state):
                await self._acs.leave(connection_id)
            case Step.HANG_UP:
                await self._acs.hang_up(connection_id)

    async def _play(self, connection_id: str, source: PlaySource | None, turn: BotTurn) -> None:
        if source is None:
            raise CallRefused(reasons.NOTHING_TO_SAY)
        await self._acs.play(
            connection_id,
            source,
            None,
            loop=False,
            context=turn.action,
            interrupts=turn.is_takeover,
        )

    async def _connect(
        self, connection_id: str, bot_state: BotCallState, call: Call, turn: BotTurn
    ) -> None:
        choice = self._settings.script_of(bot_state.bot).menu.choices.get(turn.tone)
        raw_id = await self._connecting.raw_id_of(call, bot_state, choice)
        # Record the guest before inviting them: a list of participants that shows them must not
        # come before we know that they are a guest.
        changed = await self._records.change(call.call_id, lambda found: _with_guest(found, raw_id))
        if changed is None:
            raise CallGone
        await self._acs.add_participant(
            connection_id,
            raw_id,
            caller_id=None,
            context=turn.action,
            repeatability=RepeatabilityHeaders.for_name(
                turn.action, call.actions[turn.action].asked_at
            ),
        )

    async def _record_response(self, call: Call, turn: BotTurn, failure: str | None) -> None:
        """Record that ACS has accepted the turn, or refused it with this message."""
        now = self._now()

        def record(found: Call) -> Call:
            changed = _with_changed_turn(found, turn, has_response=True)
            if failure is None or changed == found:
                return changed
            return changed.with_failed_action(turn.action, failure, now)

        await self._records.change(call.call_id, record)

    async def _release(self, call: Call, turn: BotTurn) -> None:
        """End the claim of a turn that we could not ask for, so that the next request does not have
        to wait."""
        now = self._now()
        await self._records.change(
            call.call_id, lambda found: _with_changed_turn(found, turn, claimed_until=now)
        )


def _may_have_led_to(applied_events: AppliedEvents, turn: BotTurn) -> bool:
    """May these events have led to the turn? Then ACS has to deliver them until it is taken."""
    before = applied_events.call.bot_state.turn if applied_events.call.bot_state else None
    return not applied_events.has_new_events or before is None or before.number != turn.number


def _has_others(call: Call, bot_state: BotCallState) -> bool:
    """Are there participants who are not the bot's guests? Then the bot was added to their call,
    and must not end it. A bot cannot be added to a call of a Teams resource account, in which ACS
    may list the service and the caller by any id."""
    if call.account is not None:
        return False
    own = {*bot_state.guests, call.own_id}
    return any(participant.raw_id not in own for participant in call.participants)


def _prompt(script: BotScript, turn: BotTurn) -> PlaySource | None:
    """What is played before the caller chooses: the menu's prompt, or else the greeting, unless the
    caller has just heard it."""
    was_greeted = turn.number == 1 and not turn.is_takeover
    return _source(script.menu.prompt or ("" if was_greeted else script.greeting), script)


def _source(url_or_text: str, script: BotScript) -> PlaySource | None:
    if not url_or_text:
        return None
    if is_url(url_or_text):
        return PlaySource(url=url_or_text)
    return PlaySource(text=url_or_text, voice=script.voice)


def _with_guest(found: Call, raw_id: str) -> Call:
    if found.bot_state is None:
        return found
    return replace(found, bot_state=found.bot_state.with_guest(raw_id))


def _with_changed_turn(found: Call, turn: BotTurn, **changes: Any) -> Call:
    """The call with these changes of the turn; unchanged if another request has taken the turn over
    meanwhile, or another turn has followed."""
    bot_state = found.bot_state
    if bot_state is None or bot_state.turn is None:
        return found
    if (bot_state.turn.number, bot_state.turn.claimed_by) != (turn.number, turn.claimed_by):
        return found
    changed = replace(bot_state.turn, **changes)
    return replace(found, bot_state=replace(bot_state, turn=changed))
