"""An operator registers a bot, whose place is kept; a host dies that has taken another place."""

from tests.golden.scenes.bot_calls import OPERATE_BOTS
from tests.golden.stage import Stage, Step


async def keep_places_of_bots(stage: Stage) -> None:
    operator = await stage.enrol("benno", "Benno Beige", OPERATE_BOTS)
    await stage.app.bots.register(operator, "night desk", "Night Desk")
    stage.wait(minutes=1)
    registration = stage.app.bots.register(operator, "never there", "Never")
    await stage.killed(Step("acs", "create", "before"), registration)
