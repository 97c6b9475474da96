"""An operator adds agents of two tenants; hosts die while ACS is asked."""

import json

from tests.golden.stage import Stage, Step

MANAGE_AGENTS = "Agents.Manage"
# The first is that of the realm in which people of the golden rows sign in with Entra.
TENANT, OTHER_TENANT = (f"acde0000-0000-4000-8000-{n:012x}" for n in (0x7072, 0x7172))
XENIA, YORICK, ZOE, ZENO = (f"acde0000-0000-4000-8000-{n:012x}" for n in range(0xA01, 0xA05))
ACCOUNTS = {
    "TEAMS_RESOURCE_ACCOUNTS": json.dumps(
        [
            {"id": "acde0000-0000-4000-8000-000000000acc", "tenant": TENANT, "name": "Desk"},
            {"id": "acde0000-0000-4000-8000-000000000acd", "tenant": OTHER_TENANT, "name": "Sales"},
        ]
    )
}


async def add_agents(stage: Stage) -> None:
    operator = stage.sign_in("xaver", "Xaver Xu", MANAGE_AGENTS)
    agents = stage.host(**ACCOUNTS).agents
    await agents.add(operator, XENIA, TENANT)
    stage.wait(minutes=1)
    await agents.add(operator, YORICK, OTHER_TENANT)
    await agents.add(operator, ZENO, TENANT)
    stage.wait(minutes=1)
    # One whom ACS does not know yet, and one whom it knows still.
    await stage.killed(
        Step("acs", "putAssignment", "before"), agents.add(operator, ZOE, OTHER_TENANT)
    )
    removal = stage.host(**ACCOUNTS).agents.remove(operator, ZENO)
    await stage.killed(Step("acs", "deleteAssignment", "before"), removal)
