"""The timer finds a meeting that nobody shares, and its host dies before it looks again."""

from shared.intents import SHARDS
from shared.meetings.rows import MAKE
from tests.golden.scenes.meetings import FRIENDS, PLAN, SCHEDULE
from tests.golden.stage import Stage, Step


async def mark_a_meeting_and_die(stage: Stage) -> None:
    uma = await stage.enrol("uma", "Uma Ueda", SCHEDULE)
    await stage.killed(
        Step("graph", "createOrGet", "after"),
        stage.app.meetings.schedule(uma, "marked", PLAN, FRIENDS),
    )
    stage.wait(minutes=2)
    await stage.killed(Step("tables", "update", "after"), _finish_making(stage))


async def _finish_making(stage: Stage) -> None:
    due = [one for shard in SHARDS for one in await stage.app.intents.due(shard, 100)]
    [intent] = [one for one in due if one.kind == MAKE]
    await stage.app.meetings.finishers[MAKE](intent)
