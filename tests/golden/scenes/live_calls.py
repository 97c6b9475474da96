"""Calls take their places, and legs are counted: of somebody who does all of it, of somebody who
only invites, and of somebody who only calls a bot."""

from shared.calls.dialling import Target
from tests.golden.scenes.bot_calls import OPERATE_BOTS, Line
from tests.golden.scenes.calls import MANAGE_CALLS, PHONED, place, raw_id
from tests.golden.stage import Stage

ULLA, WIM = Target(user="ulla"), Target(user="wim")


async def take_places_of_calls(stage: Stage) -> None:
    ulla = await stage.enrol("ulla", "Ulla Unger", MANAGE_CALLS, OPERATE_BOTS)
    viktor = await stage.enrol("viktor", "Viktor Voss", MANAGE_CALLS)
    await stage.enrol("wim", "Wim Wolf")
    registered, _ = await stage.app.bots.register(ulla, "switchboard", "Switchboard")
    call = await place(stage, ulla, "counted", WIM, PHONED)
    await stage.connected(call, 2)
    await stage.tell(call, "CallConnected")
    stage.wait(seconds=1)
    for caller, key in ((ulla, "hers"), (viktor, "his")):
        await stage.app.call_actions.invite(caller, call, key, Target(bot="switchboard"))
    for who in (ULLA, WIM):
        line = Line(stage, await raw_id(stage, who), registered.communication_user_id)
        await line.answered()
