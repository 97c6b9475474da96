"""More of the same, later and in another realm: no stored moment or realm is always the same."""

import pytest

from devstack.issuer.users import object_id
from shared.problems import CallRefused
from tests.golden.product import ENTRA_REALM, user
from tests.golden.scenes.calls import MANAGE_CALLS, NOAH, place
from tests.golden.scenes.meetings import FRIENDS, PLAN, SCHEDULE
from tests.golden.stage import Stage, Step


async def do_the_same_later(stage: Stage) -> None:
    stage.wait(minutes=30)
    vet = await stage.enrol(
        user("vic", ENTRA_REALM),
        "Vic Vet",
        SCHEDULE,
        MANAGE_CALLS,
        object_id=object_id("carol"),
    )
    await stage.app.meetings.schedule(vet, "check-up", PLAN, FRIENDS)
    await stage.enrol(user("noah", ENTRA_REALM), "Noah of Entra")
    await stage.acs.fault("createCall", status=400, body={"error": {"code": "8523"}}, times=1)
    with pytest.raises(CallRefused):
        await place(stage, vet, "of Entra", NOAH)
    await stage.enrol("ike", "Ike")
    stage.wait(hours=1)
    ike = await stage.enrol("ike", "Ike Ibsen")
    await stage.killed(Step("acs", "delete", "before"), stage.app.personal_data.erase(ike))
