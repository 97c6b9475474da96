"""Calls take their places in spaces, are shared again, and meetings have random ids."""

from datetime import timedelta

from shared.meetings.graph import MeetingPlan
from shared.sharing.audiences import Audience
from tests.golden.product import START
from tests.golden.scenes.sharing import group, named
from tests.golden.stage import Stage, Step

SCHEDULE = "Meetings.Schedule"
EVENING = START + timedelta(hours=6)
ATTIC, LOFT = Audience(space="attic"), Audience(space="loft ♣")
PLAN = MeetingPlan("Talk", EVENING, EVENING + timedelta(hours=1), "everyone")
LONGER = MeetingPlan("Long talk", EVENING, EVENING + timedelta(hours=2), "everyone")


async def take_places(stage: Stage) -> None:
    gundula = await stage.enrol("gundula", "Gundula Gray", SCHEDULE)
    hedwig = await stage.enrol("hedwig", "Hedwig Hart")
    await stage.befriend(gundula, hedwig)
    share = stage.app.group_calls.share
    await share(gundula, group(21), "Attic", None, None, ATTIC)
    stage.wait(minutes=1)
    await share(gundula, group(21), "Attic again", None, None, ATTIC)
    await share(gundula, group(22), "For a friend", None, None, named("hedwig"))
    # Of what a sharing inserts, the first is the intent, and the second the owner's row.
    await stage.killed(
        Step("tables", "insert", "after", skip=1),
        share(gundula, group(23), "Only begun", None, None, ATTIC),
    )
    stage.wait(minutes=1)
    await stage.killed(
        Step("tables", "update", "after"),
        stage.app.group_calls.share(gundula, group(22), "Moved", None, None, LOFT),
    )
    await stage.app.meetings.schedule(gundula, "talk", PLAN, LOFT)
    stage.wait(minutes=1)
    # The record says it already, and Teams has not been asked yet.
    await stage.killed(
        Step("graph", "update", "before"),
        stage.app.meetings.schedule(gundula, "talk", LONGER, named("hedwig")),
    )
    await stage.killed(
        Step("graph", "update", "before"), stage.app.meetings.schedule(gundula, "new", PLAN, LOFT)
    )
