"""Hosts die while people are enrolled and erased: what they leave is ended by somebody else."""

from tests.golden.stage import Stage, Step


async def die_half_way(stage: Stage) -> None:
    # Only the spare tells of the identity; or its reverse row, too.
    await stage.killed(Step("tables", "insert", "after"), stage.enrol("moe", "Moe Mann"))
    await stage.killed(Step("tables", "insert", "after", 1), stage.enrol("nan", "Nan Nash"))
    # The next sign-in has marked the spare, and dies before ACS deletes it.
    await stage.killed(Step("tables", "insert", "after", 1), stage.enrol("oz", "Oz Orr"))
    await stage.killed(Step("acs", "delete", "before"), stage.enrol("oz", "Oz Orr"))
    # Somebody who never had an identity has asked to be erased.
    erase = stage.app.personal_data.erase(stage.sign_in("pip"))
    await stage.killed(Step("tables", "insert", "after", 1), erase)
