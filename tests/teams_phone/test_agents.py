"""Agents: the people who may be added, the assignments in ACS, and the agents who are found."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from shared.identity.resource_accounts import ResourceAccount, accounts_by_realm
from shared.principals import Kind, Principal
from shared.problems import AssignmentRefused, InvalidRequest, NotConfigured
from shared.tables import AGENTS
from shared.teams_phone.checks import AgentChecks
from shared.teams_phone.rows import State
from tests.support.interleaving import Instance, Stopped
from tests.teams_phone.agents_world import (
    ACCOUNT,
    APP,
    AVA,
    BO,
    OTHER_TENANT,
    REALMS,
    RESOURCE,
    TENANT,
    AgentsWorld,
)

OTHER_ACCOUNT = ResourceAccount("acde0000-0000-4000-8000-0000000000c2", OTHER_TENANT)


@pytest.fixture
def world() -> AgentsWorld:
    return AgentsWorld()


async def add(world: AgentsWorld, object_id: str = AVA, realm: str = REALMS[0]) -> bool:
    adding = world.agents().add(world.operator(realm), object_id, None)
    return (await world.quietly(adding))[1]


async def remove(world: AgentsWorld, object_id: str = AVA, realm: str = REALMS[0]) -> None:
    await world.quietly(world.agents().remove(world.operator(realm), object_id))


async def found(
    world: AgentsWorld, realm: str = REALMS[0], object_id: str = AVA, tenant: str = TENANT
) -> str | None:
    return await world.quietly(world.agents().find(realm, object_id, tenant))


async def listed(world: AgentsWorld, realm: str = REALMS[0]) -> list[str]:
    agents, _ = await world.quietly(world.agents().list_for(world.operator(realm), ""))
    return [agent.id.object_id for agent in agents]


async def test_an_agent_is_added_once_found_listed_and_removed(world: AgentsWorld) -> None:
    assert [await add(world), await add(world)] == [True, False]
    assert world.acs.assigned == {(TENANT, AVA): APP}
    assert await found(world) == f"8:acs:{RESOURCE}_{TENANT}_{AVA}"
    assert await listed(world) == [AVA]

    await remove(world)
    await remove(world)
    assert world.acs.assigned == {}
    assert await found(world) is None
    assert (await listed(world), world.rows(), await world.intents()) == ([], [], [])


async def test_an_object_id_is_the_same_in_capitals(world: AgentsWorld) -> None:
    assert await add(world, AVA.upper())
    assert not await add(world, AVA)
    await remove(world, AVA.upper())

    assert world.rows() == []


async def test_an_agent_is_found_only_in_the_realm_and_tenant(world: AgentsWorld) -> None:
    await add(world)

    assert await found(world, REALMS[1]) is None
    assert await found(world, tenant=OTHER_TENANT) is None
    assert await found(world, object_id=BO) is None
    assert await listed(world, REALMS[1]) == []


async def test_an_agent_of_two_realms_is_served_until_both_have_removed_them(
    world: AgentsWorld,
) -> None:
    for realm in REALMS:
        assert await add(world, realm=realm)
    await remove(world, realm=REALMS[0])
    assert world.acs.assigned
    assert await found(world) is None
    assert await found(world, REALMS[1])

    await remove(world, realm=REALMS[1])
    assert world.acs.assigned == {}


async def test_what_nobody_has_added_is_removed_without_asking_acs(world: AgentsWorld) -> None:
    await remove(world, AVA)

    assert (world.acs.asked, await world.intents()) == (0, [])


async def test_a_tenant_is_needed_where_the_accounts_have_several(world: AgentsWorld) -> None:
    agents, operator = world.agents(ACCOUNT, OTHER_ACCOUNT), world.operator()
    with pytest.raises(InvalidRequest) as several:
        await world.quietly(agents.add(operator, AVA, None))
    with pytest.raises(InvalidRequest) as foreign:
        await world.quietly(agents.add(operator, AVA, BO))
    await world.quietly(agents.add(operator, AVA, OTHER_TENANT.upper()))

    faults = [fault for one in (several, foreign) for fault in one.value.faults]
    assert {fault[:2] for fault in faults} == {("policy", "tenant")}
    assert all("TEAMS_RESOURCE_ACCOUNTS" in fault.message for fault in faults)
    assert [*world.acs.assigned] == [(OTHER_TENANT, AVA)]
    await remove(world)
    assert world.rows() == []


async def test_a_tenant_of_another_realm_is_unknown(world: AgentsWorld) -> None:
    """Be it that of an account of one realm, or that of nobody's: both get the same answer."""
    accounts = (ACCOUNT, OTHER_ACCOUNT)
    realms = {f"entra:{TENANT}", f"entra:{OTHER_TENANT}", "https://issuer.example"}
    details = []
    for tenant in (OTHER_TENANT, BO):
        agents = world.agents(by_realm=accounts_by_realm(accounts, realms))
        with pytest.raises(InvalidRequest) as refused:
            await world.quietly(agents.add(world.operator(), AVA, tenant))
        details.append(refused.value.detail)
        with pytest.raises(NotConfigured) as without:
            await world.quietly(agents.add(world.operator(REALMS[1]), AVA, tenant))
        assert "no account of the caller's realm" in without.value.detail
    assert (world.acs.asked, world.rows(), await world.intents()) == (0, [], [])
    assert details[0] == details[1]

    agents = world.agents(by_realm=accounts_by_realm(accounts, realms))
    await world.quietly(agents.add(world.operator(), AVA, None))  # its own is the only one
    assert [*world.acs.assigned] == [(TENANT, AVA)]


@pytest.mark.parametrize("change", [add, remove])
async def test_what_is_no_object_id_is_told_before_anything_is_written(
    world: AgentsWorld, change: Callable[[AgentsWorld, str], Awaitable[object]]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await change(world, "alice")

    assert [fault.field for fault in refused.value.faults] == ["objectId"]
    assert (world.acs.asked, await world.intents()) == (0, [])


async def test_what_is_not_set_is_named(world: AgentsWorld) -> None:
    for agents, setting in (
        (world.without_accounts(), "TEAMS_RESOURCE_ACCOUNTS"),
        (world.agents(app=""), "TEAMS_APP_ID"),
    ):
        with pytest.raises(NotConfigured) as refused:
            await world.quietly(agents.add(world.operator(), AVA, None))
        assert setting in refused.value.detail


async def test_of_an_agent_whom_acs_refuses_nothing_is_left(world: AgentsWorld) -> None:
    world.acs.refused.add(AVA)
    with pytest.raises(AssignmentRefused):
        await add(world)

    assert (world.rows(), await world.intents(), await listed(world)) == ([], [], [])


async def test_an_agent_whom_acs_refuses_later_is_still_there(world: AgentsWorld) -> None:
    await add(world)
    world.acs.refused.add(AVA)
    with pytest.raises(AssignmentRefused):
        await add(world)

    assert (world.states(), await world.intents()) == ([State.ADDED], [])


async def test_the_erased_are_nobodys_agents_and_others_stay(world: AgentsWorld) -> None:
    for realm in REALMS:
        await add(world, realm=realm)
    await add(world, BO)

    [first, second] = await world.quietly(world.agents().export(world.person()))
    assert first["objectId"] == second["objectId"] == AVA
    assert first["tenant"] == TENANT
    await world.quietly(world.agents().erase(world.person()))

    assert [*world.acs.assigned] == [(TENANT, BO)]
    assert await world.quietly(world.agents().export(world.person())) == []
    assert await world.intents() == []


@pytest.mark.parametrize("others", [0, 1])
async def test_the_agent_of_a_realm_that_the_settings_have_no_more_goes_if_they_lack_it_here_too(
    world: AgentsWorld, others: int
) -> None:
    """The check of data has found them, with settings that may not be the app's."""
    for realm in REALMS[: others + 1]:
        await add(world, realm=realm)
    [row, *_] = world.rows()
    repair = AgentChecks(world.table(AGENTS), world.stored_intents(), REALMS[1:]).rules[-1].repair
    assert repair is not None

    await world.quietly(repair(row))
    await world.tidy()
    assert len(world.rows()) == others + 1
    await world.quietly(repair(row))
    world.realms = REALMS[1:]
    await world.tidy()

    assert len(world.rows()) == len(world.acs.assigned) == others
    assert row not in world.rows()
    assert await world.intents() == []


@pytest.mark.parametrize(
    "somebody",
    [
        Principal(Kind.USER, REALMS[1], AVA),
        Principal(Kind.USER, f"entra:{OTHER_TENANT}", AVA),
        Principal(Kind.SERVICE, REALMS[0], AVA),
        Principal(Kind.BOT, REALMS[0], AVA),
        Principal(Kind.USER, REALMS[0], "ava"),
    ],
)
async def test_who_has_the_same_id_elsewhere_is_no_agent(
    world: AgentsWorld, somebody: Principal
) -> None:
    await add(world)
    await world.quietly(world.agents().erase(somebody))

    assert await world.quietly(world.agents().export(somebody)) == []
    assert world.acs.assigned


async def test_who_was_added_or_removed_has_a_line_wherever_the_request_was_killed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="audit")
    for write in range(1, 8):
        caplog.clear()
        world = AgentsWorld()
        dying = world.agents(instance=Instance(world.schedule, stop_after=write))
        with suppress(Stopped):
            await world.quietly(dying.add(world.operator(), AVA, None))
        assert ("agent-added" in caplog.text) >= (await found(world) is not None)

        await add(world)
        dying = world.agents(instance=Instance(world.schedule, stop_after=write))
        with suppress(Stopped):
            await world.quietly(dying.remove(world.operator(), AVA))
        assert ("agent-removed" in caplog.text) >= (await found(world) is None)
