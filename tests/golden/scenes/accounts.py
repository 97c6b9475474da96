"""Hosts die while a Teams account calls, and while its bot answers; another bot answers."""

import json

from shared.calls.dialling import Target
from tests.golden.scenes.bot_calls import OPERATE_BOTS, Line
from tests.golden.scenes.calls import raw_id
from tests.golden.stage import Stage, Step

ACCOUNT = "acde0000-0000-4000-8000-000000acc021"
PHONE = "+14255550121"
# The bot that answers for the account, and the account's settings.
SETTINGS = {
    "TEAMS_RESOURCE_ACCOUNTS": json.dumps(
        [{"id": ACCOUNT, "tenant": "acde0000-0000-4000-8000-000000007ea5", "bot": "front desk"}]
    ),
    "BOTS": json.dumps({"front desk": {"greeting": "https://audio.example.com/desk.wav"}}),
}


async def call_as_accounts(stage: Stage) -> None:
    """The account needs no consent here, because nobody comes as far as asking ACS."""
    inka = await stage.enrol("inka", "Inka", "Calls.Manage", OPERATE_BOTS)
    await stage.app.bots.register(inka, "front desk", "Front desk")
    await stage.app.bots.register(inka, "back office", "Back office")
    placing = stage.host(**SETTINGS).call_placing
    await stage.killed(
        Step("acs", "createCall", "before"),
        placing.place(inka, "as an account", [Target(phone_number=PHONE)], None, None),
    )
    event = {
        "eventType": "Microsoft.Communication.IncomingCall",
        "eventTime": stage.time.isoformat(),
        "data": {
            "to": {"kind": "unknown", "rawId": f"28:orgid:{ACCOUNT}"},
            "from": {"kind": "phoneNumber", "rawId": f"4:{PHONE}"},
            "incomingCallContext": "a context of golden rows",
        },
    }
    told = json.dumps([event]).encode()
    await stage.killed(
        Step("acs", "answerCall", "before"), stage.take(told, stage.host(**SETTINGS))
    )
    caller, office = Target(user="inka"), Target(bot="back office")
    await Line(stage, await raw_id(stage, caller), await raw_id(stage, office)).answered()
