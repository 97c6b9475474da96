"""An operator registers a bot, whose place counts among those of the realm; a host dies before it
has enrolled another."""

from tests.golden.scenes.bot_calls import OPERATE_BOTS
from tests.golden.stage import Stage, Step


async def register_bots(stage: Stage) -> None:
    operator = await stage.enrol("bruno", "Bruno Blau", OPERATE_BOTS)
    await stage.app.bots.register(operator, "concierge", "Concierge")
    stage.wait(minutes=1)
    registration = stage.app.bots.register(operator, "never made", "Never")
    await stage.killed(Step("acs", "create", "before"), registration)
