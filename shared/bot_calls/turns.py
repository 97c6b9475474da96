"""What a bot does next in a call.

The next turn follows from the call's record, the menu, and whether the bot's time is over. So every
request decides the same, also after one that died; or it ends the call.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.bot_calls.choices import Connect, ConnectAgent, HangUp, Say
from shared.bot_calls.scripts import Menu
from shared.bounds import BOT_MINUTES
from shared.calls.bot_state import BotTurn, Step
from shared.calls.rows import ActionState, Call, CallState

# The bot hangs up after so many times without a choice of the menu, or without reaching the person.
MOST_MISSES = 3
# Turns of one call, so that nobody keeps a bot busy for ever by choosing the same text.
MOST_TURNS = 30
# After this time the bot says nothing more, and hangs up.
LONGEST_PART = timedelta(minutes=BOT_MINUTES)


@dataclass(frozen=True)
class NextTurn:
    """The next turn; its fields are those of `BotTurn`."""

    step: Step
    tone: str = ""
    misses: int = 0


def next_turn(menu: Menu, call: Call, now: datetime) -> NextTurn | None:
    """The turn that follows; None while the latest one goes on, or if no turn follows it."""
    bot_state = call.bot_state
    if bot_state is None or call.state is not CallState.CONNECTED:
        return None
    turn = bot_state.turn
    if turn is not None and turn.step is Step.HANG_UP:
        return None
    if bot_state.joined - {member.raw_id for member in call.participants}:
        return NextTurn(Step.HANG_UP)  # a guest has left, and the others must not be left waiting
    if now - call.created_at >= LONGEST_PART and not _may_be_connected(call, turn):
        return NextTurn(Step.HANG_UP)  # also in the midst of a turn, whose end may be lost
    return NextTurn(Step.GREET) if turn is None else _turn_after(menu, call, turn)


def _may_be_connected(call: Call, turn: BotTurn | None) -> bool:
    """Is the caller connected to somebody, or does it ring at them?"""
    if turn is None or turn.step is not Step.CONNECT:
        return False
    action = call.actions[turn.action]
    return action.state is ActionState.SUCCEEDED or not action.state.is_final


def _turn_after(menu: Menu, call: Call, turn: BotTurn) -> NextTurn | None:
    action = call.actions[turn.action]
    if _may_be_connected(call, turn) or not action.state.is_final:
        return None
    latest = max(one.asked_at for one in call.actions.values())
    if turn.number >= MOST_TURNS or call.with_room(latest) is None:
        return NextTurn(Step.HANG_UP)
    if turn.step in (Step.GREET, Step.SAY):
        return NextTurn(Step.LISTEN, misses=turn.misses) if menu.choices else NextTurn(Step.HANG_UP)
    return _turn_for_tone(menu, turn, action.tones or "")


def _turn_for_tone(menu: Menu, turn: BotTurn, tone: str) -> NextTurn:
    match menu.choices.get(tone) if turn.step is Step.LISTEN else None:
        case Connect() | ConnectAgent():
            return NextTurn(Step.CONNECT, tone, turn.misses)
        case Say():
            return NextTurn(Step.SAY, tone, turn.misses)
        case HangUp():
            return NextTurn(Step.HANG_UP)
    misses = turn.misses + 1  # silence, a tone that is not on the menu, or the person did not come
    return NextTurn(Step.HANG_UP) if misses >= MOST_MISSES else NextTurn(Step.LISTEN, misses=misses)
