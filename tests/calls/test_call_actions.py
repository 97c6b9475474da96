"""An invitation rings once, also much later; and a call can be steered however often it was."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shared.calls.bot_state import BotCallState, BotTurn, Step
from shared.calls.rows import MOST_ACTIONS, REPEATABLE, Action, ActionState, Call
from shared.tables import CALLS
from tests.calls.test_calls import AUDIO, PHONE, has, invite, is_connected, place, watched
from tests.identity.test_healing import delete_behind_our_back
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack
from tests.support.storage import sdk_row, table

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = {"phoneNumber": PHONE}


async def store(stack: Stack, call: str, *actions: Action) -> None:
    """Have these be the actions of a call, instead of its own."""
    async with table(stack, CALLS) as rows:
        found = Call.of(sdk_row(await rows.get_entity(call, "call")))
        told = Call(**{**vars(found), "actions": {one.id: one for one in actions}})
        await rows.update_entity({"PartitionKey": call, "RowKey": "call", **told.values()})


async def actions_of(stack: Stack, call: str) -> dict[str, Action]:
    async with table(stack, CALLS) as rows:
        return dict(Call.of(sdk_row(await rows.get_entity(call, "call"))).actions)


def played(n: int, state: ActionState = ActionState.STARTED, kind: str = "play") -> Action:
    return Action(f"{n}", kind, "", datetime.now(UTC) - timedelta(seconds=100 - n), state=state)


@pytest.fixture
async def call(manager: Person) -> str:
    """A connected call to a phone."""
    call = str((await place(manager, TARGET)).json["id"])
    await watched(manager, call, lambda now: is_connected(now) and has(1)(now))
    return call


async def test_an_invitation_rings_nobody_when_acs_has_forgotten_that_it_came_before(
    manager: Person, call: str, stack: Stack, acs: Control
) -> None:
    other = {"phoneNumber": "+14255550124"}
    await acs.fault("addParticipant", drop="before")
    assert (await invite(manager, call, other, "key")).status == 503
    await acs.clear()
    [asked] = (await actions_of(stack, call)).values()
    await store(stack, call, Action(**{**vars(asked), "asked_at": asked.asked_at - REPEATABLE}))
    before = (await acs.state())["requests"]["addParticipant"]

    again = await invite(manager, call, other, "key")

    assert (again.status, again.json["code"]) == (409, "call-ended")
    assert "Idempotency-Key" in again.json["detail"]
    assert (await acs.state())["requests"]["addParticipant"] == before
    assert (await invite(manager, call, other, "another-key")).status == 202


async def test_a_key_is_the_same_request_when_somebodys_identity_was_replaced(
    manager: Person, people: People, one_host: Host, stack: Stack
) -> None:
    [bob] = people(one_host, "bob")
    raw_id = (await bob.token()).user_id
    placed = await place(manager, {"user": bob.id}, key="call")
    call = placed.json["id"]
    await watched(manager, call, has(1))
    invited = await invite(manager, call, {"user": bob.id}, "invitation")
    # Until an event tells how it has ended, ACS is asked again, and for bob's new identity.
    await watched(manager, call, lambda seen: seen["actions"][0]["state"] != "requested")
    delete_behind_our_back(stack, raw_id)
    assert (await bob.ask("/token?expiresInMinutes=61")).user_id != raw_id

    again = await place(manager, {"user": bob.id}, key="call")
    invited_again = await invite(manager, call, {"user": bob.id}, "invitation")

    assert (again.status, again.json["id"]) == (201, call)
    assert (invited_again.status, invited_again.json["id"]) == (202, invited.json["id"])
    other = await place(manager, {"user": manager.id}, key="call")
    assert (other.status, other.json["code"]) == (409, "idempotency-key-reused")


async def test_the_oldest_finished_action_makes_room(
    manager: Person, call: str, stack: Stack
) -> None:
    full = [played(n) for n in range(MOST_ACTIONS - 2)]
    done = [played(n, ActionState.SUCCEEDED) for n in (71, 70)]
    await store(stack, call, *full, *done)

    playing = await manager.ask(f"/calls/{call}/play", "POST", {"url": AUDIO})

    assert playing.status == 202
    now = await actions_of(stack, call)
    assert len(now) == MOST_ACTIONS
    assert now.keys() == {one.id for one in (*full, done[0])} | {playing.json["id"]}


async def test_somebody_can_be_removed_whatever_goes_on(
    manager: Person, call: str, stack: Stack
) -> None:
    young = [played(n, ActionState.SUCCEEDED, "invite") for n in range(MOST_ACTIONS)]
    await store(stack, call, *young)
    refused = await manager.ask(f"/calls/{call}/play", "POST", {"url": AUDIO})
    assert (refused.status, refused.json["code"]) == (429, "too-many-actions")
    [phone] = (await manager.ask(f"/calls/{call}")).json["participants"]

    removed = await manager.ask(f"/calls/{call}/participants/{phone['id']}", "DELETE")

    assert removed.status == 202
    assert (await actions_of(stack, call)).keys() == {one.id for one in young} | {
        removed.json["id"]
    }


def full(*actions: Action) -> Call:
    rest = [Action(uuid.uuid4().hex, "play", "", NOON) for _ in range(MOST_ACTIONS - len(actions))]
    listed = {one.id: one for one in (*actions, *rest)}
    return Call("call", "creator", "realm", NOON, actions=listed)


def test_a_young_invitation_never_makes_room() -> None:
    [young, old] = [
        Action(name, "invite", "", NOON - age, state=ActionState.SUCCEEDED)
        for name, age in (("young", timedelta(hours=11)), ("old", timedelta(hours=12)))
    ]

    assert full(young).with_room(NOON) is None
    with_room = full(young, old).with_room(NOON)
    assert with_room is not None
    assert "old" not in with_room.actions


def test_an_action_that_never_ended_makes_room_for_a_removal_only() -> None:
    call = full(Action("oldest", "play", "", NOON - timedelta(hours=1)))

    assert call.with_room(NOON) is None
    with_room = call.with_room(NOON, is_urgent=True)
    assert with_room is not None
    assert "oldest" not in with_room.actions


def test_what_the_bot_waits_for_never_makes_room() -> None:
    its = Action("its", "play", "", NOON, state=ActionState.SUCCEEDED)
    turn = BotTurn(1, Step.SAY, "its", "", 0, "host", NOON)
    call = full(its)
    waiting = Call(**{**vars(call), "bot_state": BotCallState(("8:acs:caller",), turn=turn)})

    assert waiting.with_room(NOON) is None
    assert call.with_room(NOON) is not None
