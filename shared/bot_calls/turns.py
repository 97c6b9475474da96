"""What a bot does next in a call: it follows from the call's record alone, so that whoever dies,
or comes twice, comes to the same."""

from dataclasses import dataclass

from shared.bot_calls.settings import Connect, HangUp, Menu, Say
from shared.calls.bot_state import Step, Turn
from shared.calls.rows import MOST_ACTIONS, ActionState, Call, CallState

# How often nothing on the menu may be chosen, or nobody be reached, until the bot hangs up.
MOST_MISSES = 3
# Turns of one call: nobody keeps a bot busy for ever by asking for the opening hours.
MOST_TURNS = 30


@dataclass(frozen=True)
class Next:
    """The turn to come; as in `attendances.Turn`."""

    step: Step
    tone: str = ""
    misses: int = 0


def following(menu: Menu, call: Call) -> Next | None:
    """The turn that follows; None while the one before goes on, or where none follows it."""
    attendance = call.attendance
    if attendance is None or call.state is not CallState.CONNECTED:
        return None
    turn = attendance.turn
    if turn is not None and turn.step is Step.HANG_UP:
        return None
    if attendance.came - {member.raw_id for member in call.members}:
        return Next(Step.HANG_UP)  # a guest has left: nobody talks to a bot that stays behind
    return Next(Step.GREET) if turn is None else _after(menu, call, turn)


def _after(menu: Menu, call: Call, turn: Turn) -> Next | None:
    action = call.actions[turn.action]
    they_talk = turn.step is Step.CONNECT and action.state is ActionState.SUCCEEDED
    if they_talk or not action.state.is_final:
        return None
    if turn.number >= MOST_TURNS or len(call.actions) >= MOST_ACTIONS:
        return Next(Step.HANG_UP)
    if turn.step in (Step.GREET, Step.SAY):
        return Next(Step.LISTEN, misses=turn.misses) if menu.choices else Next(Step.HANG_UP)
    return _chosen(menu, turn, action.tones or "")


def _chosen(menu: Menu, turn: Turn, pressed: str) -> Next:
    match menu.choices.get(pressed) if turn.step is Step.LISTEN else None:
        case Connect():
            return Next(Step.CONNECT, pressed, turn.misses)
        case Say():
            return Next(Step.SAY, pressed, turn.misses)
        case HangUp():
            return Next(Step.HANG_UP)
    misses = turn.misses + 1  # silence, another tone, or nobody came
    return Next(Step.HANG_UP) if misses >= MOST_MISSES else Next(Step.LISTEN, misses=misses)
