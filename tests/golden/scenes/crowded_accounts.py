"""Two phones call a Teams resource account, and take places among the calls to it; a host dies
while its bot answers the second."""

import json

from tests.golden.scenes.bot_calls import OPERATE_BOTS
from tests.golden.stage import Stage, Step

CROWDED = "acde0000-0000-4000-8000-000000acc022"
SETTINGS = {
    "TEAMS_RESOURCE_ACCOUNTS": json.dumps(
        [{"id": CROWDED, "tenant": "acde0000-0000-4000-8000-000000007ea5", "bot": "exchange"}]
    ),
    "BOTS": json.dumps({"exchange": {"greeting": "https://audio.example.com/desk.wav"}}),
}


async def crowd_an_account(stage: Stage) -> None:
    jonas = await stage.enrol("jonas", "Jonas", OPERATE_BOTS)
    await stage.app.bots.register(jonas, "exchange", "Exchange")
    await stage.acs.fault("answerCall", status=404, times=1)
    assert await stage.take(_rings(stage, "+14255550131"), stage.host(**SETTINGS)) == "missed"
    stage.wait(minutes=1)
    answering = stage.take(_rings(stage, "+14255550132"), stage.host(**SETTINGS))
    await stage.killed(Step("acs", "answerCall", "before"), answering)


def _rings(stage: Stage, phone: str) -> bytes:
    event = {
        "eventType": "Microsoft.Communication.IncomingCall",
        "eventTime": stage.time.isoformat(),
        "data": {
            "to": {"kind": "unknown", "rawId": f"28:orgid:{CROWDED}"},
            "from": {"kind": "phoneNumber", "rawId": f"4:{phone}"},
            "incomingCallContext": f"the golden context of {phone}",
        },
    }
    return json.dumps([event]).encode()
