"""A call is quiet for so long that ACS is asked whether it goes on."""

from shared.calls.dialling import Target
from tests.golden.scenes.calls import MANAGE_CALLS, place
from tests.golden.stage import Stage


async def ask_about_a_quiet_call(stage: Stage) -> None:
    quinn = await stage.enrol("quinn", "Quinn Quick", MANAGE_CALLS)
    await stage.enrol("rex", "Rex Ray")
    call = await place(stage, quinn, "quiet", Target(user="rex"))
    stage.wait(minutes=10)
    found = await stage.app.call_records.find(call)
    assert found is not None
    await stage.app.call_reconciling.reconcile(found)
