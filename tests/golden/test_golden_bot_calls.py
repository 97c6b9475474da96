"""Every call to a bot is found, with its caller, and what the bot did."""

from shared.app import App
from tests.golden.bot_calls import (
    ANSWERED,
    ASKING_AGAIN,
    CONNECTING_CAROL,
    DOES,
    GREETING,
    GREETING_AGAIN,
    GREETING_DIED,
    HUNG_UP,
    LISTENING,
    MANAGE_CALLS,
    MISSED_GONE,
    MISSED_REFUSED,
    NEWEST_FIRST,
    OVER,
    RINGING,
    RINGING_NOTED,
    ROSAS,
    ROSAS_BUSY,
    SAYING,
    TALKING,
)
from tests.golden.client import Json
from tests.golden.conftest import Changing, SignIn
from tests.golden.test_golden_calls import at, call, events, reason
from tests.support.control import Control


def action(id_: str, kind: str, state: str, asked: str, ended: str = "", **more: object) -> Json:
    times = {"askedAt": at(asked)} | ({"endedAt": at(ended)} if ended else {})
    return {"id": id_, "kind": kind, "state": state, **times, **more}


def person(id_: str, who: str) -> Json:
    return {"id": id_, "user": who, "isMuted": False, "isOnHold": False}


def answered(id_: str, state: str, created: str, caller: str = "petra", **more: object) -> Json:
    return call(id_, state, created, caller=caller, answeredBy="desk", **more)


WATCHED = [
    call(
        ROSAS_BUSY,
        "disconnected",
        "37:06.034",
        endedAt=at("37:06.034"),
        reason=reason(486, 0, "Its caller had too many calls."),
    ),
    answered(
        ROSAS,
        "connected",
        "37:06.033",
        "rosa",
        connectedAt=at("37:06.034"),
        actions=[action("ce82b4246a5b4552bcf7b00f539adbcb", "play", "requested", "37:06.034")],
        events=events(("37:06.034", "CallConnected")),
    ),
    answered(
        TALKING,
        "connected",
        "36:06.027",
        connectedAt=at("36:06.028"),
        participants=[
            person("3c0b6803f9676da8962cea55e6c8b919", "petra"),
            person("14d10ab429012aee2680f3d11128ed71", "carol"),
        ],
        actions=[
            action(
                "df7d4c16359a426bb7d58e4b8dce73ff", "play", "succeeded", "36:06.028", "36:06.030"
            ),
            action(
                "e996086322674fd2bce20e8dedd038b3",
                "tones",
                "succeeded",
                "36:06.030",
                "36:06.031",
                tones="1",
            ),
            action(DOES[TALKING][1], "invite", "succeeded", "36:06.031", "36:06.032"),
        ],
        events=events(
            ("36:06.028", "CallConnected"),
            ("36:06.029", "ParticipantsUpdated"),
            ("36:06.030", "PlayCompleted"),
            ("36:06.031", "RecognizeCompleted"),
            ("36:06.032", "AddParticipantSucceeded"),
            ("36:06.033", "ParticipantsUpdated"),
        ),
    ),
    answered(
        OVER,
        "disconnected",
        "35:06.023",
        connectedAt=at("35:06.024"),
        endedAt=at("35:06.023"),
        participants=[person("76895abde6c1b414bc0d780ef0263151", "petra")],
        actions=[
            action(
                "034911a10c81429ea0cfa12382143932", "play", "succeeded", "35:06.024", "35:06.026"
            ),
            action(
                "c3421ee0ee5440a49c3860e30a88ceda",
                "tones",
                "succeeded",
                "35:06.026",
                "35:06.027",
                tones="0",
            ),
        ],
        events=events(
            ("35:06.024", "CallConnected"),
            ("35:06.025", "ParticipantsUpdated"),
            ("35:06.026", "PlayCompleted"),
            ("35:06.027", "RecognizeCompleted"),
        ),
    ),
    answered(
        GREETING_AGAIN,
        "connected",
        "19:00.006",
        connectedAt=at("20:00.007"),
        actions=[action("06bede400a224d209fa2c61c6a0d8ea5", "play", "requested", "20:06.007")],
        events=events(("20:00.007", "CallConnected")),
    ),
    answered(ANSWERED, "connecting", "17:00.005"),
    call(
        MISSED_REFUSED,
        "disconnected",
        "06:00.005",
        caller="petra",
        endedAt=at("06:00.005"),
        reason=reason(400, 0, "Azure Communication Services did not let it be answered."),
    ),
    call(
        MISSED_GONE,
        "disconnected",
        "05:00.005",
        caller="petra",
        endedAt=at("05:00.005"),
        reason=reason(404, 0, "It rang no more when it was to be answered."),
    ),
    call(RINGING_NOTED, "placing", "04:00.005", caller="petra"),
    call(RINGING, "placing", "03:00.005"),
    answered(
        HUNG_UP,
        "disconnected",
        "01:00.000",
        connectedAt=at("01:00.001"),
        endedAt=at("01:00.005"),
        reason=reason(200, 0, "It ended as it should."),
        participants=[person("087eda2ba203b193e018b9ad47472c4d", "petra")],
        actions=[
            action(
                "a2960cc116cf497dbe9ba9fb28f6d1f4", "play", "succeeded", "01:00.001", "01:00.003"
            ),
            action(
                "0b92c3a0256d4fcc888e01b49038c42e",
                "tones",
                "succeeded",
                "01:00.003",
                "01:00.004",
                tones="0",
            ),
        ],
        events=events(
            ("01:00.001", "CallConnected"),
            ("01:00.002", "ParticipantsUpdated"),
            ("01:00.003", "PlayCompleted"),
            ("01:00.004", "RecognizeCompleted"),
            ("01:00.005", "CallDisconnected"),
        ),
    ),
]


async def test_a_manager_sees_who_called_and_what_the_bot_did(sign_in: SignIn) -> None:
    manager = sign_in("manager", MANAGE_CALLS)

    assert [await manager.call(one["id"]) for one in WATCHED] == WATCHED


async def test_a_manager_finds_the_calls_of_a_bot_the_newest_first(sign_in: SignIn) -> None:
    listed = await sign_in("manager", MANAGE_CALLS).calls("desk")

    assert [one["id"] for one in listed] == NEWEST_FIRST


async def test_an_export_tells_of_calls_to_bots(sign_in: SignIn) -> None:
    exported = (await sign_in("petra").export())["calls"]

    assert {one["callId"]: (one["state"], one["toBot"]) for one in exported} == {
        TALKING: ("connected", True),
        OVER: ("disconnected", True),
        ASKING_AGAIN: ("connected", True),
        CONNECTING_CAROL: ("connected", True),
        SAYING: ("connected", True),
        LISTENING: ("connected", True),
        GREETING_DIED: ("connected", True),
        GREETING_AGAIN: ("connected", True),
        GREETING: ("connected", True),
        ANSWERED: ("connecting", True),
        MISSED_REFUSED: ("disconnected", True),
        MISSED_GONE: ("disconnected", True),
        RINGING_NOTED: ("placing", True),
        RINGING: ("placing", False),
        HUNG_UP: ("disconnected", True),
    }


async def test_an_erasure_of_the_caller_takes_the_bots_rows_along(
    app: App, acs: Control, sign_in: SignIn, changing: Changing
) -> None:
    """Theirs name the bot, the bot's name them: nothing of petra is left, and rosa's calls are."""
    changing("calls", "identities")
    await acs.fault("terminateCall", status=204)

    await app.personal_data.erase(sign_in("petra").caller)

    [hung_up] = (await acs.get("faults"))["faults"]
    assert hung_up["hits"] == 9
    listed = await sign_in("manager", MANAGE_CALLS).calls("desk")
    assert [one["id"] for one in listed] == [ROSAS_BUSY, ROSAS]


async def test_an_erasure_of_the_bot_takes_its_callers_rows_along(
    app: App, acs: Control, sign_in: SignIn, changing: Changing
) -> None:
    changing("calls", "identities")
    await acs.fault("terminateCall", status=204)

    await app.bots.remove(sign_in("manager", MANAGE_CALLS, "Bots.Operate").caller, "desk")

    [hung_up] = (await acs.get("faults"))["faults"]
    assert hung_up["hits"] == 10
    for who in ("petra", "rosa"):
        assert (await sign_in(who).export())["calls"] == []
