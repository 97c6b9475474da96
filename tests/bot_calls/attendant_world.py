"""A call that a bot has answered, hosts that go on with it, and a small ACS, for tests of turns.

ACS says what it was asked, and waits or fails as it is told to. Import the fixture by name.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.bot_calls.attendant import Attendant
from shared.bot_calls.choices import Connect, HangUp, Say
from shared.bot_calls.connecting import Connecting
from shared.bot_calls.scripts import BotScript, Menu
from shared.bot_calls.settings import BotCallSettings
from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition
from shared.calls.bot_state import BotCallState
from shared.calls.events import AppliedEvents, CallEvent, read_events
from shared.calls.records import CallRecords
from shared.calls.rows import Call
from shared.identity.acs import Grant
from shared.identity.enrolment import Enrolment
from shared.identity.identities import Identities
from shared.principals import Kind, Principal
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import CALLS, IDENTITIES, Table
from shared.upstream.clients import Upstream
from tests.support.stack import Stack

START = datetime(2026, 1, 1, tzinfo=UTC)
CALLER, CAROL, BOT = "8:acs:caller", "8:acs:carol", "8:acs:bot"
SETTINGS = BotCallSettings(
    default=BotScript(
        "Welcome.",
        "en-US-JennyNeural",
        Menu("", {"1": Connect("carol"), "2": Say("https://a.example/b.wav"), "0": HangUp()}),
    ),
    bots={},
    event_grid_keys=(),
    event_grid_audiences=(),
    event_grid_tenant="",
    entra_keys_url="",
)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Asked:
    """What ACS was asked for."""

    what: str
    context: str = ""
    said: str = ""
    interrupts: bool = False
    repeatability: RepeatabilityHeaders | None = None


@dataclass
class FakeAcs:
    """Accepts every request, unless it is held or has failures left."""

    asked: list[Asked] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    held: asyncio.Event | None = None
    joined: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(
        self, connection_id: str, source: PlaySource, to: str | None, *, loop: bool, context: str,
        interrupts: bool = False,
    ) -> None:  # fmt: skip
        await self._take(Asked("play", context, source.url or source.text or "", interrupts))

    async def collect(
        self, connection_id: str, raw_id: str, recognition: ToneRecognition,
        prompt: PlaySource | None, *,
        context: str, interrupts: bool = False,
    ) -> None:  # fmt: skip
        assert (raw_id, recognition.max_tones) == (CALLER, 1)
        said = (prompt.text or "") if prompt else ""
        await self._take(Asked("listen", context, said, interrupts))

    async def add_participant(
        self, connection_id: str, raw_id: str, *, caller_id: str | None, context: str,
        repeatability: RepeatabilityHeaders,
    ) -> None:  # fmt: skip
        assert caller_id is None  # nobody is dialled
        await self._take(Asked("add", context, raw_id, repeatability=repeatability))

    async def hang_up(self, connection_id: str) -> None:
        await self._take(Asked("hang up"))

    async def leave(self, connection_id: str) -> None:
        await self._take(Asked("leave"))

    async def _take(self, asked: Asked) -> None:
        self.asked.append(asked)
        self.joined.set()
        if self.held is not None:
            await self.held.wait()
        if self.failures:
            raise self.failures.pop(0)


class FakeAcsUsers:
    """Makes one identity: Carol's."""

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        return CAROL, Grant("token", START, scopes, minutes, START)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        raise AssertionError("nobody asks for that here")

    async def delete_user(self, user_id: str) -> None:
        raise AssertionError("nobody asks for that here")


class World:
    """A call to a bot that was answered, two hosts, and ACS."""

    def __init__(self, table: Table, identities: Identities, realm: str) -> None:
        self.clock, self.acs = Clock(), FakeAcs()
        self.records = CallRecords(table, 30, self.clock)
        self.table, self._identities, self.realm = table, identities, realm
        self.call_id = ""
        self.agents: dict[tuple[str, str, str], str] = {}
        self._seconds = 0

    def host(self, settings: BotCallSettings = SETTINGS) -> Attendant:
        connecting = Connecting(self._identities, self._find_agent)
        return Attendant(
            self.records, self.acs, connecting, settings, self.clock, sleep=self._sleep
        )

    async def _find_agent(self, realm: str, object_id: str, account: str) -> str | None:
        return self.agents.get((realm, object_id, account))

    async def _sleep(self, seconds: float) -> None:
        self.clock.pass_seconds(seconds)

    async def answered(self, account: str | None = None, bot_id: str = "") -> None:
        """A call is answered, also for a Teams resource account, by a bot whose id is recorded."""
        bot = Principal(Kind.BOT, self.realm, "bot")
        call = await self.records.begin(bot, uuid.uuid4().hex, "")
        self.call_id = call.call_id
        bot_state = BotCallState((CALLER,), bot=bot_id)
        changes = {"own_id": BOT, "bot_state": bot_state, "account": account}
        await self.records.change(call.call_id, lambda found: replace(found, **changes))  # type: ignore[arg-type]

    async def call(self) -> Call:
        found = await self.records.find(self.call_id)
        assert found is not None
        return found

    async def tell(self, host: Attendant, event: CallEvent) -> None:
        """As /api/callEvents does."""
        call = await self.call()
        await host.continue_call(AppliedEvents(call, await self.records.apply(call, event)))

    async def held(self, event: CallEvent) -> tuple[asyncio.Event, asyncio.Task[None]]:
        """A host is told and asks ACS, which does not answer; then the time for it has passed."""
        self.acs.held, self.acs.joined = asyncio.Event(), asyncio.Event()
        telling = asyncio.create_task(self.tell(self.host(), event))
        await self.acs.joined.wait()
        self.clock.pass_seconds(6)
        return self.acs.held, telling

    async def is_asked(self) -> bool:
        bot_state = (await self.call()).bot_state
        assert bot_state is not None
        assert bot_state.turn is not None
        return bot_state.turn.has_response

    def event(self, kind: str, **data: object) -> CallEvent:
        self._seconds += 1
        told = {
            "id": str(uuid.uuid4()),
            "specversion": "1.0",
            "type": f"Microsoft.Communication.{kind}",
            "time": (START + timedelta(seconds=self._seconds)).isoformat(),
            "data": {"callConnectionId": "x", **data},
        }
        [event] = read_events(json.dumps([told]).encode())
        return event

    def done(self, kind: str, **data: object) -> CallEvent:
        """The event about the end of the last action that ACS was asked for."""
        return self.event(kind, operationContext=self.acs.asked[-1].context, **data)

    def pressed(self, tone: str) -> CallEvent:
        return self.done("RecognizeCompleted", dtmfResult={"tones": [tone]})

    @property
    def asked(self) -> list[str]:
        return [one.what for one in self.acs.asked]


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    upstream, settings = Upstream(), load(stack.settings)
    realm = uuid.uuid4().hex
    users = Table(TableApi(IDENTITIES, settings.upstream, upstream))
    identities = Identities(users, "resource")
    enrolment = Enrolment(users, identities, FakeAcsUsers())
    await enrolment.enrol(Principal(Kind.USER, realm, "carol"), "Carol", frozenset({"voip"}), 60)
    world = World(Table(TableApi(CALLS, settings.upstream, upstream)), identities, realm)
    await world.answered()
    yield world
    await upstream.close()
