"""A call of as many people as ACS allows, with ids as long as those of guests from Teams."""

from tests.golden.scenes.calls import MANAGE_CALLS, PHONED, place
from tests.golden.stage import Stage

CROWD = [{"identifier": {"rawId": f"8:acs:{n:0110}"}} for n in range(350)]


async def crowd_a_call(stage: Stage) -> None:
    zoe = await stage.enrol("zoe", "Zoe Zane", MANAGE_CALLS)
    call = await place(stage, zoe, "crowded", PHONED)
    await stage.connected(call, 1)
    await stage.tell(call, "ParticipantsUpdated", participants=CROWD, sequenceNumber=1)
