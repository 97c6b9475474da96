"""Agents of earlier versions stay; an addition that was cut off makes no agent, and is ended."""

import pytest

from devstack.well_known import ACS_RESOURCE_ID
from shared.app import App
from shared.intents import Intent, Intents
from shared.table_api import TableApi
from shared.tables import AGENTS, INTENTS, Table
from shared.teams_phone.assigned import begin_assigning
from shared.teams_phone.rows import Agent, State, agents_key
from tests.golden.conftest import Changing
from tests.golden.product import ENTRA_REALM, REALM, signed_in, user
from tests.golden.scenes.agents import OTHER_TENANT, TENANT, XENIA, YORICK, ZENO, ZOE

OPERATOR = signed_in("xaver", None, "Agents.Manage")


async def listed(app: App) -> set[tuple[str, str]]:
    found, _ = await app.agents.list_for(OPERATOR, "")
    return {(agent.id.tenant, agent.id.object_id) for agent in found}


async def test_who_was_added_is_listed_found_and_exported(app: App) -> None:
    assert await listed(app) == {(TENANT, XENIA), (OTHER_TENANT, YORICK)}
    assert (
        await app.agents.find(REALM, XENIA, TENANT) == f"8:acs:{ACS_RESOURCE_ID}_{TENANT}_{XENIA}"
    )
    assert await app.agents.find(ENTRA_REALM, XENIA, TENANT) is None
    [xenia] = await app.agents.export(user(XENIA, ENTRA_REALM))
    assert (xenia["objectId"], xenia["state"]) == (XENIA, "added")


@pytest.mark.parametrize(("cut_off", "tenant"), [(ZOE, OTHER_TENANT), (ZENO, TENANT)])
async def test_what_was_cut_off_is_nobody_and_goes(
    app: App, changing: Changing, cut_off: str, tenant: str
) -> None:
    changing(AGENTS)
    table = Table(TableApi(AGENTS, app.settings.upstream, app.upstream))
    rows = [row for row in await table.list_for(agents_key(REALM)) if cut_off in str(row.values)]
    assert await app.agents.find(REALM, cut_off, tenant) is None
    [agent] = map(Agent.of, rows)
    assert agent.state is (State.ADDING if cut_off == ZOE else State.REMOVING)
    intents = Intents(Table(TableApi(INTENTS, app.settings.upstream, app.upstream)))

    intent: Intent = await begin_assigning(intents, rows[0].partition_key, agent.id, agent.attempt)
    await app.assigned_agents.finishers[intent.kind](intent)
    await intents.end(intent)

    assert await table.find(*(rows[0].partition_key, rows[0].row_key)) is None


async def test_the_erased_are_no_agents(app: App, changing: Changing) -> None:
    changing(AGENTS)
    await app.agents.erase(user(XENIA, ENTRA_REALM))

    assert await listed(app) == {(OTHER_TENANT, YORICK)}
