"""A host dies while it gives up a call that ACS was not asked for."""

from shared.calls.dialling import Target
from tests.golden.scenes.calls import MANAGE_CALLS
from tests.golden.stage import Stage, Step


async def give_up_a_call(stage: Stage) -> None:
    yara = await stage.enrol("yara", "Yara Yew", MANAGE_CALLS)
    await stage.enrol("zelda", "Zelda Zorn")
    placing = stage.app.call_placing.place(yara, "given up", [Target(user="zelda")], None, None)
    await stage.killed(Step("tables", "update", "before"), placing)
    [call], _ = await stage.app.call_records.page(yara.principal, "", 1)
    await stage.killed(Step("tables", "update", "after"), stage.app.call_records.abandon(call))
