"""What a bot does next in a call: it follows from the call's record alone, so that whoever dies,
or comes twice, comes to the same."""

from dataclasses import dataclass

from shared.bot_calls.settings import Connect, HangUp, Menu, Say
from shared.calls.bot_state import BotTurn, Step
from shared.calls.rows import MOST_ACTIONS, ActionState, Call, CallState

# How often nothing on the menu may be chosen, or nobody be reached, until the bot hangs up.
MOST_MISSES = 3
# Turns of one call: nobody keeps a bot busy for ever by asking for the opening hours.
MOST_TURNS = 30


@dataclass(frozen=True)
class NextTurn:
    """The turn to come; fields as in `BotTurn`."""

    step: Step
    tone: str = ""
    misses: int = 0


def following_turn(menu: Menu, call: Call) -> NextTurn | None:
    """The turn that follows; None while the one before goes on, or where none follows it."""
    bot_state = call.bot_state
    if bot_state is None or call.state is not CallState.CONNECTED:
        return None
    turn = bot_state.turn
    if turn is not None and turn.step is Step.HANG_UP:
        return None
    if bot_state.joined - {member.raw_id for member in call.members}:
        return NextTurn(Step.HANG_UP)  # a guest has left: nobody talks to a bot that stays behind
    return NextTurn(Step.GREET) if turn is None else _after(menu, call, turn)


def _after(menu: Menu, call: Call, turn: BotTurn) -> NextTurn | None:
    action = call.actions[turn.action]
    they_talk = turn.step is Step.CONNECT and action.state is ActionState.SUCCEEDED
    if they_talk or not action.state.is_final:
        return None
    if turn.number >= MOST_TURNS or len(call.actions) >= MOST_ACTIONS:
        return NextTurn(Step.HANG_UP)
    if turn.step in (Step.GREET, Step.SAY):
        return NextTurn(Step.LISTEN, misses=turn.misses) if menu.choices else NextTurn(Step.HANG_UP)
    return _chosen(menu, turn, action.tones or "")


def _chosen(menu: Menu, turn: BotTurn, pressed: str) -> NextTurn:
    match menu.choices.get(pressed) if turn.step is Step.LISTEN else None:
        case Connect():
            return NextTurn(Step.CONNECT, pressed, turn.misses)
        case Say():
            return NextTurn(Step.SAY, pressed, turn.misses)
        case HangUp():
            return NextTurn(Step.HANG_UP)
    misses = turn.misses + 1  # silence, another tone, or nobody came
    return NextTurn(Step.HANG_UP) if misses >= MOST_MISSES else NextTurn(Step.LISTEN, misses=misses)
