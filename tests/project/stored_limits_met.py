"""The same as `limits_met`, for stored things: friends, shared calls and calls."""

import itertools
import json
import uuid
from collections.abc import Awaitable

import pytest

from shared import bounds
from shared.bodies import Query
from shared.bounds import Limit
from shared.calls.contract import CallBody
from shared.friends.rows import Decision, Friendship
from shared.http.requests import read_request
from shared.identity.rows import bot_place, bots_key
from shared.keys import key, milliseconds
from shared.principals import Kind, Principal
from shared.problems import TooManyBots
from shared.sharing.audiences import Audience
from shared.sharing.rows import CallKind, Consent, Content, Host, Invitation, Role
from shared.tables import FRIENDS, INVITATIONS
from shared.teams_phone.rows import Agent, AgentId, State
from tests.calls.placing_world import World as PlacingWorld
from tests.project.limits_met import (
    MET,
    Ask,
    Identified,
    Met,
    StoredWorld,
    asked,
    bots_of,
    clock,
    growing,
    meets,
)
from tests.teams_phone.agents_world import AVA, BO, TENANT, AgentsWorld

__all__ = ["MET"]


async def store_friends(world: StoredWorld, number: int, mine: Decision, theirs: Decision) -> None:
    """Rows of Ann's about so many others."""
    owner, seq = world.key_of(0), milliseconds(world.caller(0).issued_at)
    for n in range(number):
        row = Friendship(owner, key(f"{n}"), f"{n}", mine, seq, theirs, seq)
        await world.stored[FRIENDS].put(owner, row.friend, row.values())


def asks_others(world: StoredWorld) -> Ask:
    friends, names = world.quiet().friends, itertools.count()
    ann = world.caller(0)
    return lambda: world.quietly(friends.add(ann, f"new {next(names)}"))


@meets(bounds.UNANSWERED)
async def unanswered_requests(limit: Limit) -> Met:
    world = StoredWorld()
    await store_friends(world, limit.number - 1, Decision.YES, Decision.NONE)
    return Met(asks_others(world))


@meets(bounds.FRIENDS)
async def friends(limit: Limit) -> Met:
    """Requests that were withdrawn just now count too; a block of one more person is refused like a
    request."""
    world = StoredWorld()
    await store_friends(world, limit.number - 1, Decision.NO, Decision.NONE)
    add = asks_others(world)
    service, ann = world.quiet().friends, world.caller(0)
    asked_before = iter((False, True))

    async def ask() -> None:
        if next(asked_before):
            with pytest.raises(limit.problem):
                await add()
            await world.quietly(service.remove(ann, "a stranger", block=True))
        await add()

    return Met(ask)


@meets(bounds.DECISIONS)
async def decisions(limit: Limit) -> Met:
    world = StoredWorld()
    service, ann = world.quiet().friends, world.caller(0)
    return Met(
        lambda: world.quietly(service.remove(ann, world.principal(1).id, block=None)), limit.number
    )


@meets(bounds.BOTS)
async def bots(limit: Limit) -> Met:
    """A registration that is there is renewed, and one that is refused leaves nothing."""
    world = Identified()
    for n in range(limit.number - 1):
        another = Principal(Kind.BOT, "realm", f"{n}")
        await world.table.put(bots_key("realm"), bot_place(another), {"createdAt": clock()})
    service, names = bots_of(world), iter(("first", "second"))

    async def ask() -> None:
        name = next(names)
        before = len(world.stored.rows())
        try:
            await service.register(world.alice, name, "Bot")
        except TooManyBots:
            assert len(world.stored.rows()) == before
            raise
        assert await service.register(world.alice, name, "Renamed")

    return Met(ask)


async def store_agents(world: AgentsWorld, number: int) -> None:
    """Agents of the operator's realm."""
    for n in range(number):
        agent = AgentId(TENANT, str(uuid.UUID(int=n)))
        await world.store(Agent(agent, State.ADDED, "", world.time))


@meets(bounds.AGENTS)
async def agents(limit: Limit) -> Met:
    """A person who is an agent already can be added again, and an addition that is refused leaves
    nothing."""
    world = AgentsWorld()
    await store_agents(world, limit.number - 1)
    service, operator, names = world.agents(), world.operator(), iter((AVA, BO))

    async def ask() -> None:
        name = next(names)
        try:
            await world.quietly(service.add(operator, name, None))
        finally:
            assert len(world.rows()) == limit.number
            assert [*world.acs.assigned] == [(TENANT, AVA)]
            assert await world.intents() == []
        await world.quietly(service.add(operator, name, None))

    return Met(ask)


async def store_calls(world: StoredWorld, number: int) -> None:
    """So many calls that Ann shares, and that are not over."""
    owner, now = world.key_of(0), world.caller(0).issued_at
    content = Content(CallKind.GROUP_CALL, {}, None, None, None, now, Host("ann", "Ann"))
    for n in range(number):
        call = key(f"{n}")
        row = Invitation(owner, call, Role.OWNER, owner, Consent.FRIENDSHIP, content, "")
        await world.stored[INVITATIONS].put(owner, call, row.values())


def shares(world: StoredWorld, audience: Audience, *, anew: bool = True) -> Ask:
    group_calls, groups, ann = world.quiet().group_calls, itertools.count(), world.caller(0)

    def ask() -> Awaitable[object]:
        group = str(uuid.UUID(int=next(groups) if anew else 0))
        return world.quietly(group_calls.share(ann, group, "title", None, None, audience))

    return ask


@meets(bounds.SHARED)
async def shared_calls(limit: Limit) -> Met:
    world = StoredWorld()
    await store_calls(world, limit.number - 1)
    return Met(shares(world, Audience(friends=True)))


@meets(bounds.IN_SPACE)
async def calls_in_a_space(limit: Limit) -> Met:
    return Met(shares(StoredWorld(), Audience(space="lounge")), limit.number)


@meets(bounds.SHARINGS)
async def sharings(limit: Limit) -> Met:
    return Met(shares(StoredWorld(), Audience(friends=True), anew=False), limit.number)


@meets(bounds.LISTINGS)
async def listings(limit: Limit) -> Met:
    """The caller's own and those of spaces are counted together."""
    world = StoredWorld()
    invitations, ann = world.quiet().invitations, world.caller(0)
    await world.quietly(invitations.list_for(ann, None))
    return Met(lambda: world.quietly(invitations.list_for(ann, "lounge")), limit.number - 1)


@meets(bounds.INVITEES)
async def invitees(limit: Limit) -> Met:
    world = StoredWorld()
    await store_friends(world, limit.number, Decision.YES, Decision.YES)
    share, left = shares(world, Audience(friends=True)), iter((0, 1))

    async def ask() -> None:
        if next(left):
            await store_friends(world, limit.number + 1, Decision.YES, Decision.YES)
        await share()

    return Met(ask)


def places(world: PlacingWorld) -> Ask:
    keys, host = iter("abcdefgh"), world.host()
    return lambda: world.quietly(world.place(host, next(keys)))


@meets(bounds.LIVE_CALLS)
async def calls_that_go_on(limit: Limit) -> Met:
    world = PlacingWorld(most=limit.number)
    await world.enrol()
    return Met(places(world), limit.number)


@meets(bounds.LEGS)
async def people_that_are_called(limit: Limit) -> Met:
    """With a smaller setting, as each is a call here."""
    world = PlacingWorld(most=100, legs=4)
    await world.enrol()
    return Met(places(world), 4)


@meets(bounds.TARGETS)
async def targets(limit: Limit) -> Met:
    def read(number: int) -> object:
        to = json.dumps({"to": [{"user": f"{n}"} for n in range(number)]}).encode()
        return read_request(asked(to), Query, CallBody)

    return growing(read, limit.number)
