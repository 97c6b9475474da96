"""The attendant: what a bot does in a call that it has answered, one turn after the other.

Each turn is noted before ACS is asked for it. Events lead from one to the next, and come again
where a host died: then another takes over, once the one before cannot be asking any more. What is
played may so be heard twice; who is to be connected is rung at once, and the call ended once.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.bot_calls.settings import BotCallSettings, Connect, Say, is_url
from shared.bot_calls.turns import NextTurn, following_turn
from shared.calls.acs import GONE, CallGone
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition
from shared.calls.bot_state import BotCallState, BotTurn, Step
from shared.calls.calls import AppliedEvents
from shared.calls.records import CallRecords
from shared.calls.rows import Action, Call, CallState
from shared.identity.identities import Identities
from shared.keys import key
from shared.principals import Kind, Principal
from shared.problems import BeingErased, CallRefused, Problem, Unavailable

logger = logging.getLogger(__name__)

# Who has noted a turn has so long to ask for it, less the margin, by which clocks may be apart;
# then somebody else does. Whoever has called listens into silence meanwhile.
_LEASE, _MARGIN = timedelta(seconds=5), timedelta(seconds=1)
# Seconds for a person to hear what there is, and to find the key.
_LISTENING = ToneRecognition(most=1, stop_tones="", first_within=10, next_within=2)
# What a turn is as an action of the call; hanging up is none.
_KINDS = {Step.GREET: "play", Step.SAY: "play", Step.LISTEN: "tones", Step.CONNECT: "invite"}


class Acs(Protocol):
    """What of `shared.calls.acs` is needed here; it raises as that."""

    async def play(
        self,
        connection_id: str,
        source: PlaySource,
        to: str | None,
        *,
        loop: bool,
        context: str,
        interrupts: bool = False,
    ) -> None: ...

    async def collect(
        self,
        connection_id: str,
        raw_id: str,
        recognition: ToneRecognition,
        prompt: PlaySource | None,
        *,
        context: str,
        interrupts: bool = False,
    ) -> None: ...

    async def add(
        self,
        connection_id: str,
        raw_id: str,
        *,
        caller_id: str | None,
        context: str,
        repeatability: RepeatabilityHeaders,
    ) -> None: ...

    async def hang_up(self, connection_id: str) -> None: ...

    async def leave(self, connection_id: str) -> None: ...


class Attendant:
    """Goes on with calls that bots have answered, after each event about one."""

    def __init__(
        self,
        records: CallRecords,
        acs: Acs,
        identities: Identities,
        settings: BotCallSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records = records
        self._acs = acs
        self._identities = identities
        self._settings = settings
        self._now = now

    async def continue_call(self, applied_events: AppliedEvents) -> None:
        """Do what follows from what has come, unless somebody else does.

        Raises:
            Unavailable: tell this again: ACS did not do its part, or the turn that this led to is
                another's just now, who may have died.
        """
        if applied_events.call.bot_state is None:
            return
        asker = uuid.uuid4().hex
        while True:
            call = await self._records.change(
                applied_events.call.call_id, lambda found: self._claimed(found, asker)
            )
            turn = call.bot_state.turn if call is not None and call.bot_state else None
            if call is None or turn is None or turn.is_asked:
                return
            if turn.asker != asker:
                if call.state is CallState.CONNECTED and _led_to(applied_events, turn):
                    raise Unavailable("Another request is at this; it may have died.")
                return
            if await self._perform(call, turn):
                return

    def _claimed(self, found: Call, asker: str) -> Call:
        """The call with the turn that is to be asked for now, by us, if there is one."""
        bot_state = found.bot_state
        if bot_state is None:
            return found
        turn, wanted = bot_state.turn, following_turn(self._settings.menu, found)
        if wanted is not None:
            return self._with_turn(found, bot_state, wanted, asker)
        is_ours = turn is not None and turn.asker == asker
        if turn is None or turn.is_asked or is_ours or turn.until > self._now():
            return found
        if found.state is not CallState.CONNECTED:
            return found
        return self._taken_over(found, bot_state, turn, asker)

    def _with_turn(
        self, found: Call, bot_state: BotCallState, wanted: NextTurn, asker: str
    ) -> Call:
        before, now = bot_state.turn, self._now()
        turn = BotTurn(
            number=0 if before is None else before.number + 1,
            step=wanted.step,
            action="" if wanted.step is Step.HANG_UP else uuid.uuid4().hex,
            tone=wanted.tone,
            misses=wanted.misses,
            asker=asker,
            until=now + _LEASE,
        )
        noted = replace(found, bot_state=replace(bot_state, turn=turn))
        if wanted.step is Step.HANG_UP:
            return noted
        kind = _KINDS[wanted.step]
        return noted.with_action(Action(turn.action, kind, key("wish", kind, ""), now))

    def _taken_over(self, found: Call, bot_state: BotCallState, turn: BotTurn, asker: str) -> Call:
        """The turn of somebody who has died. What may be heard already is another action from now
        on, by which it is interrupted; an invitation is the same."""
        ours = replace(turn, asker=asker, until=self._now() + _LEASE, is_takeover=True)
        if turn.step in (Step.HANG_UP, Step.CONNECT):
            return replace(found, bot_state=replace(bot_state, turn=ours))
        action = replace(found.actions[turn.action], id=uuid.uuid4().hex, asked_at=self._now())
        others = {id_: one for id_, one in found.actions.items() if id_ != turn.action}
        ours = replace(ours, action=action.id)
        return replace(
            found,
            actions={**others, action.id: action},
            bot_state=replace(bot_state, turn=ours),
        )

    async def _perform(self, call: Call, turn: BotTurn) -> bool:
        """Whether ACS has taken it; where it refuses, the turn has failed, and another follows."""
        try:
            left = (turn.until - self._now() - _MARGIN).total_seconds()
            if left <= 0:
                raise TimeoutError
            async with asyncio.timeout(left):
                await self._ask(call, turn)
        except (CallGone, CallRefused) as refused:
            why = refused.detail if isinstance(refused, CallRefused) else GONE
            await self._note(call, turn, why)
            return False
        except (Problem, TimeoutError):
            with contextlib.suppress(Problem):
                await self._release(call, turn)
            raise
        await self._note(call, turn, None)
        return True

    async def _ask(self, call: Call, turn: BotTurn) -> None:
        """Raises as the methods of CallAutomationApi, and CallRefused for what cannot be done."""
        connection, bot_state = call.connection_id, call.bot_state
        if connection is None or bot_state is None:
            raise CallGone
        match turn.step:
            case Step.GREET:
                await self._play(connection, self._settings.greeting, turn)
            case Step.SAY:
                choice = self._settings.menu.choices.get(turn.tone)
                await self._play(connection, choice.what if isinstance(choice, Say) else "", turn)
            case Step.LISTEN:
                await self._acs.collect(
                    connection,
                    bot_state.caller,
                    _LISTENING,
                    self._prompt(turn),
                    context=turn.action,
                    interrupts=turn.is_takeover,
                )
            case Step.CONNECT:
                await self._connect(connection, bot_state, call, turn)
            case Step.HANG_UP if _has_others(call, bot_state):
                await self._acs.leave(connection)
            case Step.HANG_UP:
                await self._acs.hang_up(connection)

    async def _play(self, connection: str, what: str, turn: BotTurn) -> None:
        source = self._source(what)
        if source is None:
            raise CallRefused("There is nothing to be said.")
        await self._acs.play(
            connection, source, None, loop=False, context=turn.action, interrupts=turn.is_takeover
        )

    async def _connect(
        self, connection: str, bot_state: BotCallState, call: Call, turn: BotTurn
    ) -> None:
        choice = self._settings.menu.choices.get(turn.tone)
        raw_id = await self._raw_id_of(call.realm, choice) if isinstance(choice, Connect) else None
        if raw_id is None:
            logger.warning("BOT_MENU: %s connects to nobody of the bot's realm", turn.tone)
            raise CallRefused("Who is to be connected has no identity here.")
        if raw_id == bot_state.caller:
            raise CallRefused("Who is to be connected is the caller.")
        # A guest before they are rung, so that no list that they are on comes too early.
        noted = await self._records.change(call.call_id, lambda found: _with_guest(found, raw_id))
        if noted is None:
            raise CallGone
        await self._acs.add(
            connection,
            raw_id,
            caller_id=None,
            context=turn.action,
            repeatability=RepeatabilityHeaders.named(
                turn.action, call.actions[turn.action].asked_at
            ),
        )

    async def _raw_id_of(self, realm: str, choice: Connect) -> str | None:
        try:
            identity = await self._identities.find(Principal(Kind.USER, realm, choice.user))
        except BeingErased:
            return None
        return None if identity is None else identity.communication_user_id

    def _prompt(self, turn: BotTurn) -> PlaySource | None:
        """What is said before a choice: right after the greeting not that again."""
        menu, greeting = self._settings.menu, self._settings.greeting
        was_greeted = turn.number == 1 and not turn.is_takeover
        return self._source(menu.prompt or ("" if was_greeted else greeting))

    def _source(self, what: str) -> PlaySource | None:
        if not what:
            return None
        return (
            PlaySource(url=what)
            if is_url(what)
            else PlaySource(text=what, voice=self._settings.voice)
        )

    async def _note(self, call: Call, turn: BotTurn, refused: str | None) -> None:
        """ACS has answered; `refused` says why it did not take it."""
        now = self._now()

        def note(found: Call) -> Call:
            changed = _with_changed(found, turn, is_asked=True)
            if refused is None or changed == found:
                return changed
            return changed.with_refused(turn.action, refused, now)

        await self._records.change(call.call_id, note)

    async def _release(self, call: Call, turn: BotTurn) -> None:
        """We could not ask: whoever comes next need not wait."""
        now = self._now()
        await self._records.change(
            call.call_id, lambda found: _with_changed(found, turn, until=now)
        )


def _led_to(applied_events: AppliedEvents, turn: BotTurn) -> bool:
    """May it have been this event that led to the turn, and so be told again for it?"""
    before = applied_events.call.bot_state.turn if applied_events.call.bot_state else None
    return not applied_events.is_news or before is None or before.number != turn.number


def _has_others(call: Call, bot_state: BotCallState) -> bool:
    """Are there people whom the bot has nothing to do with? It was added to a call of theirs."""
    own = {*bot_state.guests, call.own_id}
    return any(member.raw_id not in own for member in call.members)


def _with_guest(found: Call, raw_id: str) -> Call:
    if found.bot_state is None:
        return found
    return replace(found, bot_state=found.bot_state.with_guest(raw_id))


def _with_changed(found: Call, turn: BotTurn, **changes: Any) -> Call:
    """The call with a turn that has changed, unless it is another's by now, or over."""
    bot_state = found.bot_state
    if bot_state is None or bot_state.turn is None:
        return found
    if (bot_state.turn.number, bot_state.turn.asker) != (turn.number, turn.asker):
        return found
    changed = replace(bot_state.turn, **changes)
    return replace(found, bot_state=replace(bot_state, turn=changed))
