"""The people who may be added to calls of Teams resource accounts, and the participants of such
calls."""

import pytest

from shared.calls.dialling import Target
from shared.calls.rows import Call
from shared.problems import InvalidRequest, KeyReused
from tests.calls.placing_world import SETTINGS, World
from tests.calls.test_account_calls import (
    ALICE,
    DESK,
    OTHER_PHONE,
    PHONE,
    SALES,
    TENANT,
    placed,
    world_of,
)
from tests.calls.test_call_records import events

AGENT = "cccccccc-0000-4000-8000-00000000000c"
AGENT_RAW_ID = f"8:acs:resource_{TENANT}_{AGENT}"


async def invited(world: World, call: Call, target: Target, key: str = "invite") -> None:
    actions = world.host().actions
    await world.quietly(actions.invite(world.caller, call.call_id, key, target))


async def connected(world: World) -> Call:
    call = await placed(world, PHONE)
    [told] = events("CallConnected")
    await world.quietly(world.host().calls.apply(call.call_id, [told]))
    return call


async def test_phones_and_agents_are_added_to_the_call_of_an_account() -> None:
    world = await world_of(DESK)
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)

    await invited(world, call, OTHER_PHONE, "phone")
    await invited(world, call, Target(agent=AGENT.upper()), "agent")

    assert world.acs.rung == ["4:+14255550124", AGENT_RAW_ID]
    assert world.acs.shown == [None, None]
    row = await world.counted()
    assert row is not None
    assert sum(one.number for one in row.legs) == 3


async def test_what_is_advised_where_an_account_cannot_call_everybody_is_then_done() -> None:
    world = await world_of(DESK)
    world.settings = SETTINGS
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID

    with pytest.raises(InvalidRequest) as refused:
        await placed(world, PHONE, ALICE)

    assert "invite phone numbers or agents once the call is connected" in refused.value.detail
    assert "give callerId, the number of this service" in refused.value.detail
    together = await placed(world, PHONE, ALICE, key="together", caller_id=SETTINGS.caller_id)
    assert together.account is None
    call = await connected(world)
    await invited(world, call, OTHER_PHONE, "phone")
    await invited(world, call, Target(agent=AGENT), "agent")
    assert world.acs.rung == ["4:+14255550124", AGENT_RAW_ID]


async def test_an_invitation_of_an_agent_is_one_however_often_it_is_repeated() -> None:
    world = await world_of(DESK)
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)

    for _ in range(2):
        await invited(world, call, Target(agent=AGENT))
    with pytest.raises(KeyReused):
        await invited(world, call, OTHER_PHONE)

    found = await world.quietly(world.host().records.find(call.call_id))
    assert found is not None
    assert len(found.actions) == 1


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (ALICE, "user"),
        (Target(bot="helpdesk"), "bot"),
        (Target(agent=AGENT), "agent"),  # of another tenant
        (Target(agent=SALES.id), "agent"),  # nobody has added them
        (Target(phone_number="+4425555012"), "phoneNumber"),
    ],
)
async def test_nobody_else_is_added_to_the_call_of_an_account(target: Target, field: str) -> None:
    world = await world_of(DESK)
    world.agents.added[("realm", SALES.id, AGENT)] = AGENT_RAW_ID
    world.agents.added[("another realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)

    with pytest.raises(InvalidRequest) as refused:
        await invited(world, call, target)

    assert [one.field for one in refused.value.faults] == [field]
    assert world.acs.rung == []


async def test_no_agent_is_added_to_a_call_without_an_account() -> None:
    world = await world_of()
    world.settings = SETTINGS
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)

    with pytest.raises(InvalidRequest) as refused:
        await invited(world, call, Target(agent=AGENT))
    await invited(world, call, OTHER_PHONE)

    assert [one.field for one in refused.value.faults] == ["agent"]
    assert world.acs.shown == [SETTINGS.caller_id]


async def test_no_agent_is_found_once_the_settings_have_lost_the_account() -> None:
    world = await world_of(DESK)
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)
    world.accounts = (SALES,)

    with pytest.raises(InvalidRequest):
        await invited(world, call, Target(agent=AGENT))


async def test_no_agent_is_found_once_the_account_is_of_another_realm() -> None:
    world = await world_of(DESK)
    world.agents.added[("realm", TENANT, AGENT)] = AGENT_RAW_ID
    call = await connected(world)
    world.realms |= {f"entra:{TENANT}"}

    with pytest.raises(InvalidRequest):
        await invited(world, call, Target(agent=AGENT))


@pytest.mark.parametrize("own_id", [None, "8:acs:service", DESK.raw_id, "4:+14255550142"])
async def test_the_service_is_no_participant_by_whatever_id_acs_lists_it(
    own_id: str | None,
) -> None:
    """The id is documented nowhere: that of the response is taken, and the account's own."""
    world = await world_of(DESK)
    world.acs.own_id = own_id
    call = await placed(world, PHONE)
    ids = [own_id or DESK.raw_id, "4:+14255550123"]
    listed = [{"identifier": {"rawId": one}} for one in ids]
    told = events("ParticipantsUpdated", participants=listed)

    await world.quietly(world.host().calls.apply(call.call_id, told))

    found = await world.quietly(world.host().records.find(call.call_id))
    assert found is not None
    assert [one.raw_id for one in found.remote_participants] == ["4:+14255550123"]
