"""Every call to a bot goes on where it was: the bot knows its actions, the people who came, and
those who were missed."""

from datetime import datetime, timedelta

import pytest

from shared.app import App
from tests.golden.bot_calls import (
    ASKING_AGAIN,
    CAROL,
    CONNECTING_CAROL,
    DOES,
    GREETING,
    GREETING_DIED,
    LISTENING,
    MANAGE_CALLS,
    PETRA,
    SAYING,
    TALKING,
)
from tests.golden.client import Json, tell
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import READ, START
from tests.support.control import Control


class Bot:
    """The bot, an ACS that accepts all its requests, and a manager who watches."""

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
        """ACS reports how the bot's current action has ended."""
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
def read_at(request: pytest.FixtureRequest) -> datetime:
    """When the bot's time is over in none of the calls in which it has something to do."""
    return getattr(request, "param", START + timedelta(minutes=32))


@pytest.fixture
async def desk(app: App, acs: Control, sign_in: SignIn, changing: Changing) -> Bot:
    changing("calls")
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
    """The record says which people should be in the call, and which have been in it."""
    people = [{"identifier": {"rawId": one}} for one in (PETRA, CAROL)]
    await desk.tell(TALKING, "ParticipantsUpdated", participants=people, sequenceNumber=3)
    assert await desk.asked() == []

    await desk.tell(TALKING, "ParticipantsUpdated", participants=people[1:], sequenceNumber=4)

    assert await desk.asked() == ["terminateCall"]


async def test_a_turn_whose_host_has_died_is_taken_over(app: App, desk: Bot) -> None:
    """The event that led to it comes again, and its host takes over; the event before that is not
    applied again."""
    connection, action_id = DOES[GREETING_DIED]

    is_news = await tell(app, GREETING_DIED, connection, "bot_calls event 8", "CallConnected")

    assert not is_news
    assert await desk.asked() == ["play"]
    [greeting] = await desk.actions(GREETING_DIED)
    assert greeting["id"] != action_id
    assert greeting["askedAt"] == "2026-11-28T12:32:00.000Z"


async def test_a_turn_that_acs_has_taken_is_not_asked_for_again(app: App, desk: Bot) -> None:
    await tell(app, TALKING, DOES[TALKING][0], "bot_calls event 32", "AddParticipantSucceeded")

    assert await desk.asked() == []


@pytest.mark.parametrize("read_at", [READ], indirect=True)
async def test_hours_later_the_bot_hangs_up_unless_two_talk(desk: Bot) -> None:
    await desk.tell(TALKING, "ParticipantsUpdated", sequenceNumber=1)
    assert await desk.asked() == []

    await desk.done(SAYING, "PlayCompleted")

    assert await desk.asked() == ["terminateCall"]
