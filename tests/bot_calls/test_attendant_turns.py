"""What a bot does next follows from the record of the call and the menu alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.bot_calls import turns
from shared.bot_calls.choices import Connect, HangUp, Say
from shared.bot_calls.scripts import Menu
from shared.bot_calls.turns import LONGEST_PART, MOST_MISSES, MOST_TURNS, NextTurn
from shared.calls.bot_state import BotCallState, BotTurn, Step
from shared.calls.participants import Participant
from shared.calls.rows import MOST_ACTIONS, Action, ActionState, Call, CallState
from shared.tables import Row

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CALLER, CAROL, BOT = "8:acs:caller", "8:acs:carol", "8:acs:bot"
MENU = Menu("Press a key.", {"1": Connect("carol"), "2": Say("From nine to five."), "#": HangUp()})
NO_MENU = Menu()
ANSWERED = Call(
    "call",
    "bot",
    "realm",
    NOON,
    state=CallState.CONNECTED,
    connection_id="x",
    participants=(Participant(CALLER), Participant(BOT)),
    own_id=BOT,
    bot_state=BotCallState((CALLER,), frozenset({CALLER})),
)


def next_turn(menu: Menu, call: Call, at: datetime = NOON) -> NextTurn | None:
    return turns.next_turn(menu, call, at)


def after(
    step: Step, state: ActionState, tones: str | None = None, *, misses: int = 0, number: int = 1
) -> Call:
    """The call in a turn whose action is in this state."""
    turn = BotTurn(number, step, "a", "1", misses, "asker", NOON, has_response=True)
    action = Action("a", "any", "", NOON, state=state, tones=tones)
    bot_state = replace(attendance_of(ANSWERED), turn=turn)
    return replace(ANSWERED, bot_state=bot_state, actions={"a": action})


def attendance_of(call: Call) -> BotCallState:
    assert call.bot_state is not None
    return call.bot_state


def test_a_bot_greets_who_is_there() -> None:
    assert next_turn(MENU, ANSWERED) == NextTurn(Step.GREET)
    assert next_turn(NO_MENU, ANSWERED) == NextTurn(Step.GREET)


@pytest.mark.parametrize(
    "call",
    [
        replace(ANSWERED, state=CallState.PLACING),
        replace(ANSWERED, state=CallState.CONNECTING),
        replace(ANSWERED, state=CallState.DISCONNECTED),
        replace(ANSWERED, bot_state=None),
        after(Step.GREET, ActionState.REQUESTED),
        after(Step.GREET, ActionState.STARTED),
        after(Step.LISTEN, ActionState.REQUESTED),
        after(Step.CONNECT, ActionState.REQUESTED),
        after(Step.CONNECT, ActionState.SUCCEEDED),
    ],
)
def test_nothing_follows_before_a_call_is_connected_or_a_turn_over_or_while_people_talk(
    call: Call,
) -> None:
    assert next_turn(MENU, call) is None


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (after(Step.GREET, ActionState.SUCCEEDED), NextTurn(Step.LISTEN)),
        (after(Step.GREET, ActionState.FAILED), NextTurn(Step.LISTEN)),  # the menu is there still
        (after(Step.LISTEN, ActionState.SUCCEEDED, "1"), NextTurn(Step.CONNECT, "1")),
        (after(Step.LISTEN, ActionState.SUCCEEDED, "2", misses=1), NextTurn(Step.SAY, "2", 1)),
        (after(Step.LISTEN, ActionState.SUCCEEDED, "#"), NextTurn(Step.HANG_UP)),
        (after(Step.SAY, ActionState.SUCCEEDED, misses=1), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.LISTEN, ActionState.SUCCEEDED, "9"), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.LISTEN, ActionState.SUCCEEDED, "a"), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.LISTEN, ActionState.SUCCEEDED, ""), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.LISTEN, ActionState.FAILED), NextTurn(Step.LISTEN, misses=1)),  # silence
        (after(Step.LISTEN, ActionState.CANCELED), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.CONNECT, ActionState.FAILED), NextTurn(Step.LISTEN, misses=1)),
        (after(Step.LISTEN, ActionState.FAILED, misses=MOST_MISSES - 1), NextTurn(Step.HANG_UP)),
        (after(Step.CONNECT, ActionState.FAILED, misses=MOST_MISSES - 1), NextTurn(Step.HANG_UP)),
        (after(Step.SAY, ActionState.SUCCEEDED, number=MOST_TURNS), NextTurn(Step.HANG_UP)),
    ],
)
def test_what_is_pressed_leads_on(call: Call, wanted: NextTurn) -> None:
    assert next_turn(MENU, call) == wanted


def test_without_a_menu_the_greeting_is_all() -> None:
    assert next_turn(NO_MENU, after(Step.GREET, ActionState.SUCCEEDED)) == NextTurn(Step.HANG_UP)


def test_a_choice_that_was_taken_off_the_menu_meanwhile_is_none() -> None:
    other = Menu("", {"7": HangUp()})

    assert next_turn(other, after(Step.LISTEN, ActionState.SUCCEEDED, "1")) == NextTurn(
        Step.LISTEN, misses=1
    )


def test_a_record_that_is_full_ends_the_call() -> None:
    call = after(Step.SAY, ActionState.SUCCEEDED)
    others = {str(n): Action(str(n), "play", "", NOON) for n in range(MOST_ACTIONS)}

    assert next_turn(MENU, replace(call, actions={**call.actions, **others})) == NextTurn(
        Step.HANG_UP
    )


@pytest.mark.parametrize(
    ("joined", "there", "has_left"),
    [
        ((), (), False),  # no list has come yet
        ((CALLER,), (CALLER, BOT), False),
        ((CALLER,), (BOT,), True),
        ((CALLER, CAROL), (CALLER, CAROL, BOT), False),
        ((CALLER, CAROL), (CAROL, BOT), True),
        ((CALLER, CAROL), (CALLER, BOT), True),
        ((CALLER,), (CALLER, "8:acs:a manager's guest", BOT), False),
    ],
)
@pytest.mark.parametrize("state", [ActionState.REQUESTED, ActionState.SUCCEEDED])
def test_a_guest_who_leaves_ends_the_call_whatever_goes_on(
    joined: tuple[str, ...], there: tuple[str, ...], has_left: bool, state: ActionState
) -> None:
    call = after(Step.CONNECT, state)
    bot_state = replace(attendance_of(call), guests=(CALLER, CAROL), joined=frozenset(joined))
    call = replace(call, bot_state=bot_state, participants=tuple(map(Participant, there)))

    assert next_turn(MENU, call) == (NextTurn(Step.HANG_UP) if has_left else None)


@pytest.mark.parametrize(
    "call",
    [
        ANSWERED,
        after(Step.GREET, ActionState.REQUESTED),  # its end may be lost
        after(Step.SAY, ActionState.STARTED),
        after(Step.SAY, ActionState.SUCCEEDED),
        after(Step.LISTEN, ActionState.SUCCEEDED, "1"),
        after(Step.CONNECT, ActionState.FAILED),
    ],
)
def test_a_bot_whose_time_is_over_says_nothing_more_and_hangs_up(call: Call) -> None:
    just_before = NOON + LONGEST_PART - timedelta(milliseconds=1)

    assert next_turn(MENU, call, just_before) != NextTurn(Step.HANG_UP)
    assert next_turn(MENU, call, NOON + LONGEST_PART) == NextTurn(Step.HANG_UP)


@pytest.mark.parametrize("state", [ActionState.REQUESTED, ActionState.SUCCEEDED])
def test_who_is_connected_to_somebody_or_is_about_to_be_may_talk_on(state: ActionState) -> None:
    call = after(Step.CONNECT, state)

    assert next_turn(MENU, call, NOON + timedelta(hours=5)) is None


def test_the_end_is_said_once() -> None:
    turn = BotTurn(3, Step.HANG_UP, "", "", 0, "asker", NOON)
    gone = replace(attendance_of(ANSWERED), turn=turn, joined=frozenset({CALLER}))

    call = replace(ANSWERED, bot_state=gone, participants=())
    assert next_turn(MENU, call) is None
    assert next_turn(MENU, call, NOON + LONGEST_PART) is None


def test_an_attendance_is_stored_and_read_as_it_is() -> None:
    for call in (
        ANSWERED,
        after(Step.LISTEN, ActionState.SUCCEEDED, "1", misses=2),
        replace(ANSWERED, bot_state=attendance_of(ANSWERED).with_guest(CAROL)),
    ):
        assert Call.of(Row(call.call_id, "call", call.values(), "etag")) == call
    assert attendance_of(ANSWERED).with_guest(CALLER) == ANSWERED.bot_state
