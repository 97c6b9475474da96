"""Calls of Teams resource accounts: who calls, whom, and who may be added to them."""

from http import HTTPStatus

import pytest

from shared.calls.dialling import Target
from shared.calls.rows import Call, CallState
from shared.identity.resource_accounts import ResourceAccount
from shared.keys import key as key_of
from shared.problems import (
    CallRefused,
    InvalidRequest,
    KeyReused,
    NotConfigured,
    TooManyCalls,
    TooManyLegs,
)
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import SETTINGS, World, number_of
from tests.calls.test_call_places import WRITES
from tests.support.interleaving import Stopped

TENANT = "11111111-2222-3333-4444-555555555555"
DESK = ResourceAccount("aaaaaaaa-0000-4000-8000-00000000000a", TENANT, "Desk", "+14255550142")
SALES = ResourceAccount("bbbbbbbb-0000-4000-8000-00000000000b", TENANT, "Sales")
PHONE, OTHER_PHONE = Target(phone_number="+14255550123"), Target(phone_number="+14255550124")
ALICE = Target(user="alice")


async def world_of(*accounts: ResourceAccount, most: int = 5, legs: int = 500) -> World:
    """An account needs no number of the resource."""
    world = World(most, legs)
    await world.enrol()
    world.accounts = accounts
    world.settings = SETTINGS._replace(caller_id="")
    return world


async def placed(
    world: World, *targets: Target, key: str = "key", account: str | None = None,
    caller_id: str | None = None, **dies: int,
) -> Call:  # fmt: skip
    placing = world.host(**dies).placing
    placed = placing.place(world.caller, key, targets, caller_id, None, account)
    return (await world.quietly(placed)).call


async def test_phones_are_called_as_the_only_account_and_no_number_is_sent() -> None:
    world = await world_of(DESK)

    call = await placed(world, PHONE, OTHER_PHONE)

    [(_, targets, caller_id, account)] = world.acs.asked
    assert set(targets) == {"4:+14255550123", "4:+14255550124"}
    assert (caller_id, account, call.account) == (None, DESK.id, DESK.id)


async def test_the_number_of_the_resource_is_not_sent_beside_an_account() -> None:
    world = await world_of(DESK)
    world.settings = SETTINGS

    await placed(world, PHONE)

    assert world.acs.asked[0][2:] == (None, DESK.id)


@pytest.mark.parametrize(
    ("account", "caller_id", "wanted"),
    [("Sales", None, SALES), ("Desk", None, DESK), (None, "+14255550142", DESK)],
)
async def test_one_of_several_accounts_is_picked_by_name_or_number(
    account: str | None, caller_id: str | None, wanted: ResourceAccount
) -> None:
    world = await world_of(DESK, SALES)

    await placed(world, PHONE, account=account, caller_id=caller_id)

    assert world.acs.asked[0][2:] == (None, wanted.id)


async def test_the_number_of_the_resource_may_be_asked_for_and_calls_without_an_account() -> None:
    world = await world_of(DESK)
    world.settings = SETTINGS

    call = await placed(world, PHONE, ALICE, caller_id=SETTINGS.caller_id)

    assert world.acs.asked[0][2:] == (SETTINGS.caller_id, None)
    assert call.account is None


@pytest.mark.parametrize(
    ("accounts", "targets", "account", "caller_id", "fault"),
    [
        ((DESK, SALES), [PHONE], None, None, "from"),
        ((DESK, SALES), [PHONE], "Support", None, "from"),
        ((DESK,), [PHONE], "desk", None, "from"),
        ((DESK,), [PHONE], None, "+14255550177", "callerId"),
        ((DESK,), [PHONE, ALICE], None, None, "to.1.user"),
        ((DESK,), [ALICE, PHONE], "Desk", None, "to.0.user"),
    ],
)
async def test_what_no_account_can_do_is_refused_before_anything_is_stored(
    accounts: tuple[ResourceAccount, ...], targets: list[Target], account: str | None,
    caller_id: str | None, fault: str,
) -> None:  # fmt: skip
    world = await world_of(*accounts)

    with pytest.raises(InvalidRequest) as refused:
        await placed(world, *targets, account=account, caller_id=caller_id)

    assert [one.field for one in refused.value.faults] == [fault]
    assert refused.value.status == HTTPStatus.BAD_REQUEST
    assert not world.acs.asked
    assert await world.rows_of_alice() == await world.intents() == []


async def test_an_account_is_asked_for_where_there_is_none() -> None:
    world = await world_of()

    with pytest.raises(NotConfigured) as refused:
        await placed(world, PHONE, account="Desk")

    assert "TEAMS_RESOURCE_ACCOUNTS" in refused.value.detail


async def test_an_account_calls_only_where_numbers_may_be_dialled() -> None:
    world = await world_of(DESK)

    with pytest.raises(InvalidRequest):
        await placed(world, Target(phone_number="+4425555012"))

    assert not world.acs.asked


async def test_people_are_called_without_an_account_as_before() -> None:
    world = await world_of(DESK)

    call = await placed(world, ALICE)

    assert world.acs.asked[0][1:] == (("8:acs:alice",), None, None)
    assert call.account is None


@pytest.mark.parametrize("targets", [[ALICE], [PHONE]])
async def test_calls_that_end_in_2028_can_be_refused_today(targets: list[Target]) -> None:
    world = await world_of()
    world.settings = SETTINGS._replace(standalone=False)

    with pytest.raises(NotConfigured) as refused:
        await placed(world, *targets)
    group = world.host().placing.place(world.caller, "group", [], None, "a group")
    with pytest.raises(NotConfigured):
        await world.quietly(group)

    assert "STANDALONE_CALLS" in refused.value.detail
    assert not world.acs.asked
    assert await world.rows_of_alice() == await world.intents() == []


async def test_calls_that_live_on_are_placed_also_where_the_others_are_refused() -> None:
    world = await world_of(DESK)
    world.settings = SETTINGS._replace(standalone=False)

    await placed(world, PHONE)
    with pytest.raises(NotConfigured):
        await placed(world, PHONE, key="number", caller_id=SETTINGS.caller_id)

    assert [account for *_, account in world.acs.asked] == [DESK.id]


@pytest.mark.parametrize("write", range(1, WRITES + 1))
@pytest.mark.parametrize("how", ["stop_after", "lose_after"])
async def test_a_killed_call_of_an_account_is_placed_once_by_its_repetition(
    write: int, how: str
) -> None:
    """The repetition sends ACS exactly the same request."""
    world = await world_of(DESK, most=1)
    if how == "stop_after":
        with pytest.raises(Stopped):
            await placed(world, PHONE, stop_after=write)
    else:
        await placed(world, PHONE, lose_after=write)

    call = await placed(world, PHONE)

    assert world.acs.going_on == [call.call_id]
    assert len({*world.acs.asked}) == 1
    assert world.acs.asked[0][2:] == (None, DESK.id)
    row = await world.counted()
    assert row is not None
    assert [one.number for one in row.legs] == [1]


async def test_a_lost_answer_to_the_call_of_an_account_makes_no_second_call() -> None:
    world = await world_of(DESK)
    world.fail("k", "lost")
    phone = Target(phone_number=number_of("k"))
    with pytest.raises(CommunicationUnavailable):
        await placed(world, phone)
    world.fail("k", "")

    call = await placed(world, phone)

    assert world.acs.going_on == [call.call_id]
    assert call.account == DESK.id


async def test_a_key_is_not_good_for_another_account() -> None:
    world = await world_of(DESK, SALES)
    await placed(world, PHONE, account="Desk")

    for account, caller_id in (("Sales", None), (None, None), (None, DESK.number)):
        world.accounts = (DESK, SALES) if account or caller_id else ()
        world.settings = SETTINGS
        with pytest.raises(KeyReused):
            await placed(world, PHONE, account=account, caller_id=caller_id)

    assert len(world.acs.made) == 1


@pytest.mark.parametrize("write", range(1, WRITES + 1))
async def test_a_repetition_is_the_same_call_whatever_the_settings_have_become(write: int) -> None:
    """The default caller id is not part of the request; nor is the id behind a name."""
    settings = [(), (DESK,), (DESK._replace(id=SALES.id),)]
    for before, after, account in (
        (settings[0], settings[1], None),
        (settings[1], settings[0], None),
        (settings[1], settings[2], "Desk"),
    ):
        world = await world_of(*before, most=1)
        world.settings = SETTINGS
        await placed(world, PHONE, account=account, lose_after=write)
        world.accounts = after

        call = await placed(world, PHONE, account=account)

        assert world.acs.going_on == [call.call_id]
        assert len({*world.acs.asked}) == 1


@pytest.mark.parametrize("has_account", [False, True])
async def test_a_call_that_an_earlier_version_has_begun_is_found_again(has_account: bool) -> None:
    """Its row tells who called, not who was asked for."""
    world = await world_of(*((DESK,) if has_account else ()))
    world.settings = SETTINGS
    call = await placed(world, PHONE)
    people = ["4:+14255550123"]
    wish = (
        key_of("call as", DESK.id, *people)
        if has_account
        else key_of("call", *people, SETTINGS.caller_id, "")
    )
    [request] = [row for row in await world.rows_of_alice() if "wish" in row.values]
    await world.store(request.row_key, {**request.values, "wish": wish})

    assert (await placed(world, PHONE)).call_id == call.call_id
    with pytest.raises(KeyReused):
        await placed(world, OTHER_PHONE)


async def test_a_call_of_an_account_takes_a_place_and_legs_like_any_other() -> None:
    world = await world_of(DESK, most=1)
    few_legs = await world_of(DESK, legs=1)
    await placed(world, PHONE)
    await placed(few_legs, PHONE)

    with pytest.raises(TooManyCalls):
        await placed(world, OTHER_PHONE, key="other")
    with pytest.raises(TooManyLegs):
        await placed(few_legs, OTHER_PHONE, key="other")


async def test_a_call_that_acs_refuses_an_account_can_be_repeated() -> None:
    world = await world_of(DESK)
    world.fail("k", "refused")
    phone = Target(phone_number=number_of("k"))
    with pytest.raises(CallRefused):
        await placed(world, phone)
    world.fail("k", "")

    assert (await placed(world, phone)).state is CallState.CONNECTING


@pytest.mark.parametrize(
    ("account", "caller_id"), [("Desk", None), (None, DESK.number), (None, None)]
)
async def test_an_account_of_another_realm_is_none(
    account: str | None, caller_id: str | None
) -> None:
    """The answer is that for an account that does not exist. A request without an account calls
    without one."""
    refusals = []
    for accounts in ((DESK,), (DESK._replace(name="Support", number="+14255550177"),), ()):
        world = await world_of(*accounts)
        world.realms |= {f"entra:{TENANT}"}
        with pytest.raises((InvalidRequest, NotConfigured)) as refused:
            await placed(world, PHONE, account=account, caller_id=caller_id)
        refusals.append((refused.type, refused.value.detail))
        assert await world.rows_of_alice() == await world.intents() == []
        world.settings = SETTINGS
        assert (await placed(world, PHONE)).account is None

    assert len({*refusals}) == 1


async def test_of_several_accounts_each_realm_has_its_own() -> None:
    other = SALES._replace(tenant=SALES.id)
    world = await world_of(DESK, other)
    world.alice = world.alice._replace(realm=f"entra:{TENANT}")
    await world.enrol()
    world.realms = {world.alice.realm, f"entra:{other.tenant}"}

    call = await placed(world, PHONE)
    with pytest.raises(InvalidRequest) as refused:
        await placed(world, PHONE, key="other", account="Sales")
    with pytest.raises(InvalidRequest) as unknown:
        await placed(world, PHONE, key="unknown", account="Support")

    assert call.account == DESK.id
    assert refused.value.detail == unknown.value.detail
