"""Every call to a bot goes on where it was: the bot knows what it did, who came, who was missed."""

from collections.abc import Mapping

import pytest

from shared.app import App
from tests.control import Control
from tests.golden.client import Json, acs, tell
from tests.golden.conftest import SignIn
from tests.golden.rows import GoldenTables
from tests.golden.test_golden_calls import at, call, events, reason

MANAGE_CALLS = "Calls.Manage"
PETRA, CAROL = acs("2053-5ced-a0e7e51839d7"), acs("2053-5d49-46af372217db")

# Calls to the bot, by what it does in them; the newest first.
ROSAS_BUSY = "a0cfa5c674494294b4fcce7886755a9b"
ROSAS = "1b89747b32914f5991d9b61f534eae5e"
TALKING = "c094297d30804809ab6a5efb17ebc1fe"
OVER = "2fb6b9cd375b4beabbe9ebdc1bba8a2a"
ASKING_AGAIN = "4b984389fcaf4529ba009a031c856350"
CONNECTING_CAROL = "d637e9a63e0a47819f3ab2f5fda5066d"
SAYING = "188a4ca4b4da4c188567ea44107f4a95"
LISTENING = "cf8aed20bee94baebc772bce788ea081"
GREETING_DIED = "e4c7881d1bfe4c90b186318d48424ab8"
GREETING_AGAIN = "fcbb39f8c99e49b88728f13b38c0d590"
GREETING = "9e82073513a347d59d5467a3a0c3d156"
ANSWERED = "108fa081291948f6bc46a6e075b9d384"
MISSED_REFUSED = "f851d6442cd24ac7bc6c4e02e6c4d891"
MISSED_GONE = "a1c66460bd0b4efeac33e16366646b50"
RINGING_NOTED = "71d1585860484fa18bdc8832432e1fe9"
RINGING = "2a477faed66b46ce91af6d3fd8cff844"
HUNG_UP = "e3c2e608317641e4bee96c810b98a0bd"
NEWEST_FIRST = [
    *(ROSAS_BUSY, ROSAS, TALKING, OVER, ASKING_AGAIN, CONNECTING_CAROL, SAYING, LISTENING),
    *(GREETING_DIED, GREETING_AGAIN, GREETING, ANSWERED, MISSED_REFUSED, MISSED_GONE),
    *(RINGING_NOTED, RINGING, HUNG_UP),
]

# What the bot does in a call just now, as ACS knows it: the connection, and the action.
DOES: Mapping[str, tuple[str, str]] = {
    GREETING: ("f7803495-ea20-429b-bb69-008dd9227d0c", "b819197b6e634ae2b6c638fec2c9ee11"),
    LISTENING: ("c7be6d49-0b74-492f-92b6-0aa0ea3e824c", "65d7cdd16c954c0e9d476362246b543a"),
    SAYING: ("c9d555d6-5d73-4402-aab9-4d8bae636c47", "c33a37ff26c1497e8511f542d46e88a9"),
    CONNECTING_CAROL: (
        "679be8a9-91ec-4556-bb23-d68ed1ae6c73",
        "bf9b473d6d6e4628acde0ecce05859e1",
    ),
    ASKING_AGAIN: ("72f22627-da64-4592-b1a2-afec3fcd6060", "848bb8895e6842358e65f162234ae357"),
    TALKING: ("7e2a2403-2a6e-41ab-820f-8af12e062840", "42fa477a27234b19a948aa3ab76b87ad"),
    GREETING_DIED: (
        "3dfae513-7d0f-49d2-8ec7-941269555fd2",
        "a58aacb8c8bb42dda7c2830bacba4481",
    ),
}


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
        reason=reason(200, 0, "The bot has hung up."),
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


@pytest.mark.parametrize("expected", WATCHED, ids=[one["id"] for one in WATCHED])
async def test_a_manager_sees_who_called_and_what_the_bot_did(
    sign_in: SignIn, expected: Json
) -> None:
    assert await sign_in("manager", MANAGE_CALLS).call(expected["id"]) == expected


async def test_a_manager_finds_the_calls_of_a_bot_the_newest_first(sign_in: SignIn) -> None:
    listed = await sign_in("manager", MANAGE_CALLS).calls("desk")

    assert [one["id"] for one in listed] == NEWEST_FIRST


class Bot:
    """The bot, ACS that takes whatever it asks, and a manager who watches."""

    def __init__(self, app: App, acs: Control, sign_in: SignIn) -> None:
        self._app, self._acs = app, acs
        self._manager = sign_in("manager", MANAGE_CALLS)
        self._told = 0
        self._asked: dict[str, str] = {}

    async def prepare(self) -> None:
        for operation in ("play", "recognize", "addParticipant"):
            fault = await self._acs.fault(operation, status=202, body={})
            self._asked[fault] = operation
        for operation in ("terminateCall", "hangUp"):
            self._asked[await self._acs.fault(operation, status=204)] = operation

    async def tell(self, id_: str, kind: str, **data: object) -> None:
        """ACS tells of something new in a call."""
        self._told += 1
        await tell(self._app, id_, DOES[id_][0], f"new {self._told}", kind, **data)

    async def done(self, id_: str, kind: str, **data: object) -> None:
        """ACS tells how what the bot does just now has ended."""
        [now] = [one["id"] for one in await self.actions(id_) if "endedAt" not in one]
        await self.tell(id_, kind, operationContext=now, **data)

    async def presses(self, id_: str, tone: str) -> None:
        await self.done(id_, "RecognizeCompleted", dtmfResult={"tones": [tone]})

    async def actions(self, id_: str) -> list[Json]:
        return list((await self._manager.call(id_))["actions"])

    async def does(self, id_: str) -> list[str]:
        """What is asked of the call and has not ended."""
        return [one["kind"] for one in await self.actions(id_) if "endedAt" not in one]

    async def asked(self) -> list[str]:
        """What ACS was asked."""
        faults = (await self._acs.get("faults"))["faults"]
        return sorted(
            self._asked[one["id"]]
            for one in faults
            for _ in range(one["hits"])
            if one["id"] in self._asked
        )


@pytest.fixture
async def desk(app: App, acs: Control, sign_in: SignIn, changing: GoldenTables) -> Bot:
    bot = Bot(app, acs, sign_in)
    await bot.prepare()
    return bot


async def test_after_its_greeting_the_bot_listens(desk: Bot) -> None:
    await desk.done(GREETING, "PlayCompleted")

    assert await desk.asked() == ["recognize"]
    assert await desk.does(GREETING) == ["tones"]


@pytest.mark.parametrize(
    ("tone", "asked", "does"),
    [
        ("one", "addParticipant", ["invite"]),
        ("two", "play", ["play"]),
        ("nine", "recognize", ["tones"]),
        ("zero", "terminateCall", []),
    ],
)
async def test_what_is_pressed_leads_to_what_the_menu_says(
    desk: Bot, tone: str, asked: str, does: list[str]
) -> None:
    await desk.presses(LISTENING, tone)

    assert await desk.asked() == [asked]
    assert await desk.does(LISTENING) == does


async def test_after_a_text_the_bot_listens_again(desk: Bot) -> None:
    await desk.done(SAYING, "PlayCompleted")

    assert await desk.asked() == ["recognize"]


async def test_what_was_missed_counts(desk: Bot) -> None:
    """The third miss ends the call, and the first is in its record."""
    await desk.presses(ASKING_AGAIN, "nine")
    assert await desk.asked() == ["recognize"]

    await desk.presses(ASKING_AGAIN, "nine")

    assert await desk.asked() == ["recognize", "terminateCall"]


async def test_whoever_is_not_reached_counts_as_missed(desk: Bot) -> None:
    await desk.done(CONNECTING_CAROL, "AddParticipantFailed")
    assert await desk.asked() == ["recognize"]
    for _ in range(2):
        await desk.presses(CONNECTING_CAROL, "nine")

    assert await desk.asked() == ["recognize", "recognize", "terminateCall"]


async def test_while_two_talk_the_bot_does_nothing_and_ends_it_when_one_leaves(desk: Bot) -> None:
    """Who is meant to be in the call, and who has been, is in its record."""
    people = [{"identifier": {"rawId": one}} for one in (PETRA, CAROL)]
    await desk.tell(TALKING, "ParticipantsUpdated", participants=people, sequenceNumber=3)
    assert await desk.asked() == []

    await desk.tell(TALKING, "ParticipantsUpdated", participants=people[1:], sequenceNumber=4)

    assert await desk.asked() == ["terminateCall"]


async def test_a_turn_whose_host_has_died_is_taken_over(app: App, desk: Bot) -> None:
    """By whoever is told again of what led to it: the event that came before is not applied."""
    connection, action_id = DOES[GREETING_DIED]

    is_news = await tell(app, GREETING_DIED, connection, "bot_calls event 8", "CallConnected")

    assert not is_news
    assert await desk.asked() == ["play"]
    [greeting] = await desk.actions(GREETING_DIED)
    assert greeting["id"] != action_id
    assert greeting["askedAt"] == "2026-11-28T16:00:00.000Z"


async def test_a_turn_that_acs_has_taken_is_not_asked_for_again(app: App, desk: Bot) -> None:
    await tell(app, TALKING, DOES[TALKING][0], "bot_calls event 32", "AddParticipantSucceeded")

    assert await desk.asked() == []


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
    app: App, desk: Bot, sign_in: SignIn
) -> None:
    """Theirs name the bot, the bot's name them: nothing of petra is left, and rosa's calls are."""
    await app.people.forget(sign_in("petra").caller)

    assert await desk.asked() == ["terminateCall"] * 9
    listed = await sign_in("manager", MANAGE_CALLS).calls("desk")
    assert [one["id"] for one in listed] == [ROSAS_BUSY, ROSAS]


async def test_an_erasure_of_the_bot_takes_its_callers_rows_along(
    app: App, desk: Bot, sign_in: SignIn
) -> None:
    await app.bots.remove(sign_in("manager", MANAGE_CALLS, "Bots.Operate").caller, "desk")

    assert await desk.asked() == ["terminateCall"] * 10
    for who in ("petra", "rosa"):
        assert (await sign_in(who).export())["calls"] == []
