"""Calls whose rows were all written and checked, and one that is shared again as it was."""

from tests.golden.scenes.sharing import group, named
from tests.golden.stage import Stage


async def settle_calls(stage: Stage) -> None:
    isolde = await stage.enrol("isolde", "Isolde Ivory")
    jakob = await stage.enrol("jakob", "Jakob Juniper")
    await stage.befriend(isolde, jakob)
    share = stage.app.group_calls.share
    await share(isolde, group(31), "Settled", None, None, named("jakob"))
    stage.wait(minutes=1)
    await share(isolde, group(32), "Twice", None, None, named("jakob"))
    stage.wait(minutes=1)
    await share(isolde, group(32), "Twice", None, None, named("jakob"))
