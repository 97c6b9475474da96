"""Each limit of `shared.bounds`, met by the rules: as many as it allows pass, and one more is
refused.

Rows that are there before are stored, and what is counted by the minute is asked for on a clock
that stands.
"""

import itertools
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import jwt

from shared import bounds
from shared.auth.bearer import BearerTokens
from shared.bodies import Body, Query
from shared.bounds import Limit
from shared.http.requests import read_request
from shared.identity.acs import Grant
from shared.identity.bot_places import BotPlaces
from shared.identity.bots import Bots
from shared.identity.enrolment import Enrolment
from shared.identity.identities import Identities
from shared.identity.teams import Teams
from shared.identity.token_policy import Policy
from shared.identity.tokens import Tokens
from shared.intents import Intents
from shared.principals import Caller, Kind, Principal
from shared.tables import IDENTITIES, INTENTS, Table
from shared.unavailable import IdentityGone
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import VOIP, World
from tests.teams_phone.agents_world import AVA, AgentsWorld

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

type Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Met:
    """
    Attributes:
        allowed: how often `ask` is answered before it is refused.
        refusal: what the refusal says, where others have the same code.
    """

    ask: Ask
    allowed: int = 1
    refusal: str = ""


type Meet = Callable[[Limit], Awaitable[Met]]
MET: dict[str, tuple[Limit, Meet]] = {}
# Limits of calls that go on in ACS are met in this file, by this test.
MET_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "actions": (
        "tests/calls/test_call_actions.py",
        "test_somebody_can_be_removed_whatever_goes_on",
    ),
    "recordings": ("tests/calls/test_recording.py", "test_a_call_has_so_many_recordings"),
}


def meets(limit: Limit) -> Callable[[Meet], Meet]:
    def add(meet: Meet) -> Meet:
        MET[limit.name] = limit, meet
        return meet

    return add


class StoredWorld(World):
    """A world in whose tables rows are put, without a turn for each."""

    def __init__(self) -> None:
        clients = memory_clients()
        super().__init__(clients, Schedule())
        self.stored = {name: Table(client) for name, client in clients.items()}


def asked(content: bytes, query: str = "") -> func.HttpRequest:
    headers = {"content-type": "application/json"}
    return func.HttpRequest("POST", f"http://x/api/x{query}", headers=headers, body=content)


def growing(read: Callable[[int], object], first: int) -> Met:
    """Reads something that is larger each time, at first as large as it may be."""
    sizes = iter((first, first + 1))

    async def ask() -> None:
        read(next(sizes))

    return Met(ask)


@meets(bounds.BODY)
async def a_body(limit: Limit) -> Met:
    return growing(lambda size: read_request(asked(b"{}".ljust(size)), Query, Body), limit.number)


@meets(bounds.BODY_VALUES)
async def values_of_a_body(limit: Limit) -> Met:
    class Anything(Body):
        model_config = Body.model_config | {"extra": "allow"}

    def read(number: int) -> object:
        fields = ",".join(f'"{n}":{n}' for n in range(number))
        return read_request(asked(f"{{{fields}}}".encode()), Query, Anything)

    return replace(growing(read, limit.number), refusal="has more than 1000 values")


@meets(bounds.PARAMETERS)
async def parameters(limit: Limit) -> Met:
    class Whatever(Query):
        model_config = Query.model_config | {"extra": "allow"}

    def read(number: int) -> object:
        query = "?" + "&".join(f"p{n}=1" for n in range(number))
        return read_request(asked(b"", query), Whatever, Body)

    return replace(growing(read, limit.number), refusal="has more than 100 parameters")


@meets(bounds.BEARER_TOKEN)
async def a_bearer_token(limit: Limit) -> Met:
    """One that is as long as it may be is looked at, and is none."""
    tokens, sizes = BearerTokens({}, {}), iter((limit.number, limit.number + 1))

    async def ask() -> None:
        try:
            await tokens.authenticate("Bearer " + "x" * next(sizes))
        except limit.problem as refused:
            if "longer" in str(refused):
                raise

    return Met(ask)


class Acs:
    """Issues tokens; knows no identity any more once it is told to forget."""

    def __init__(self) -> None:
        self._made = itertools.count()
        self.forgets = False

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        return f"8:acs:{next(self._made)}", _grant(scopes, minutes)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        if self.forgets:
            raise IdentityGone
        return _grant(scopes, minutes)

    async def exchange_teams_token(self, *_of: str) -> tuple[str, datetime]:
        return "token", NOON

    async def revoke_tokens(self, user_id: str) -> None:
        pass

    async def delete_user(self, user_id: str) -> None:
        pass


def _grant(scopes: frozenset[str], minutes: int) -> Grant:
    return Grant("token", NOON + timedelta(minutes=minutes), scopes, minutes, NOON)


def clock() -> datetime:
    return NOON


class Identified:
    """Alice, whose identity ACS has made, and whose clock stands."""

    def __init__(self) -> None:
        self.acs = Acs()
        clients = memory_clients()
        self.stored = clients[IDENTITIES]
        self.table, self.intents = Table(self.stored), Intents(Table(clients[INTENTS]), clock)
        self.identities = Identities(self.table, "resource", clock)
        acs: Any = self.acs
        self.enrolment = Enrolment(self.table, self.identities, acs, clock)
        self.alice = Caller(Principal(Kind.USER, "realm", "alice"), "Alice", frozenset(), NOON)
        policy, self._minutes = Policy(VOIP, {}, 60, 1440), itertools.count(60)
        self.tokens = Tokens(
            self.identities, self.enrolment, self._announce, acs, policy, 10, clock
        )

    async def fresh_token(self) -> None:
        """Of another lifetime each time, so that no young one is given again."""
        await self.tokens.issue(self.alice, None, next(self._minutes))

    async def _announce(self, *_to: object) -> None:
        pass


@meets(bounds.NEW_TOKENS)
async def fresh_tokens(limit: Limit) -> Met:
    world = Identified()
    await world.fresh_token()  # this one comes with the identity
    return Met(world.fresh_token, limit.number)


@meets(bounds.HEALS)
async def identities_that_are_gone(limit: Limit) -> Met:
    world = Identified()
    await world.fresh_token()
    world.acs.forgets = True
    return Met(world.fresh_token, limit.number)


@meets(bounds.REVOCATIONS)
async def revocations(limit: Limit) -> Met:
    world = Identified()
    return Met(lambda: world.tokens.revoke(world.alice, world.alice.principal), limit.number)


@meets(bounds.TEAMS_TOKENS)
async def teams_tokens(limit: Limit) -> Met:
    world = Identified()
    teams = Teams(world.acs, world.identities, "app", clock)
    token = jwt.encode({"oid": "alice"}, "x" * 32, "HS256")
    return Met(lambda: teams.exchange(world.alice, token), limit.number)


def bots_of(world: Identified) -> Bots:
    class Erasure:
        async def erase_bot(self, operator: Caller, bot: Principal) -> None:
            pass

    places = BotPlaces(world.table, world.intents, clock)
    return Bots(world.identities, world.enrolment, world.tokens, Erasure(), places, 10, clock)


@meets(bounds.BOT_CHANGES)
async def changes_of_bots(limit: Limit) -> Met:
    """Registrations, renames and removals are counted together."""
    world = Identified()
    bots = bots_of(world)
    await bots.remove(world.alice, "another")
    return Met(lambda: bots.register(world.alice, "bot", "Bot"), limit.number - 1)


@meets(bounds.AGENT_CHANGES)
async def changes_of_agents(limit: Limit) -> Met:
    """Additions and removals are counted together, those that change nothing, too."""
    world = AgentsWorld()
    agents, operator = world.agents(), world.operator()
    await world.quietly(agents.remove(operator, AVA))
    await world.quietly(agents.remove(operator, str(uuid.uuid4())))
    return Met(lambda: world.quietly(agents.add(operator, AVA, None)), limit.number - 2)


@meets(bounds.EXPORTS)
async def exports(limit: Limit) -> Met:
    world = StoredWorld()
    people, ann = world.quiet().people, world.caller(0)
    return Met(lambda: world.quietly(people.export(ann)), limit.number)


@meets(bounds.ERASURES)
async def erasures(limit: Limit) -> Met:
    """Of one who has no identity, too."""
    world = StoredWorld()
    people, ann = world.quiet().people, world.caller(0)
    return Met(lambda: world.quietly(people.erase(ann)), limit.number)
