"""The callers of the authorization matrix, and the things that they ask for: one scene on one
host."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp

from shared.auth.roles import (
    BOTS_OPERATE,
    CALLS_MANAGE,
    CALLS_RECORD,
    MEETINGS_SCHEDULE,
    TOKENS_ISSUE,
)
from tests.calls.test_calls import has, is_connected, place, watched
from tests.identity.test_teams import teams_token
from tests.meetings.test_meetings import schedule
from tests.support.people import FRIENDS, Person, befriend
from tests.support.stack import Host, Issuer, Stack

ROLES = (BOTS_OPERATE, CALLS_MANAGE, CALLS_RECORD, MEETINGS_SCHEDULE, TOKENS_ISSUE)

NOBODY, EXPIRED, ERASED = "nobody", "expired", "erased"
STRANGER, FRIEND, INVITED = "stranger", "friend", "invited"
# Has every role, and no other relation to these things.
MANAGER = "manager"
# Called as the owner is, with every role, by another issuer.
ELSEWHERE = "elsewhere"
# `APP` has no role; those with one are named after it.
APP, APP_ELSEWHERE = "app", "app elsewhere"
OWNER, OWNER_WITHOUT_ROLES = "owner", "owner without roles"


@dataclass(frozen=True)
class Caller:
    """Attributes:
    roles: the app roles in the bearer token.
    """

    name: str
    bearer: str | None
    roles: frozenset[str] = frozenset()
    is_app: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the token is good; of somebody erased it still is."""
        return self.name not in (NOBODY, EXPIRED)


@dataclass
class Scene:
    """People, and what the owner has: a friend, an invited friend, calls and invitations.

    Attributes:
        ids: what a path leads to, by the names that the matrix uses.
        told: the texts in which an answer says one of these.
    """

    stack: Stack
    host: Host
    client: aiohttp.ClientSession
    elsewhere: Issuer
    people: dict[str, Person]
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> Person:
        return self.people[OWNER]

    async def group_call(self) -> str:
        """The invitation to a group call that the owner shares with the invited."""
        shared = await self.owner.share(
            str(uuid.uuid4()), {"users": [self.people[INVITED].id]}, title="Matrix"
        )
        return str(shared.json["id"])

    async def meeting(self) -> str:
        made = await schedule(self.owner, uuid.uuid4().hex, FRIENDS)
        return str(made.json["id"])

    async def bot(self) -> str:
        name = f"bot-{uuid.uuid4().hex}"
        made = await self.owner.ask(f"/bots/{name}", "PUT", {"displayName": "Bot"})
        assert made.status == 201, made
        return name

    async def call(self, *names: str) -> dict[str, Any]:
        """A call of the owner's that goes on, with these people."""
        placed = await place(self.owner, *({"user": self.people[name].id} for name in names))
        assert placed.status == 201, placed
        return await watched(
            self.owner,
            placed.json["id"],
            lambda now: is_connected(now) and has(len(names))(now),
        )

    def callers(self, suffix: str = "") -> list[Caller]:
        """Everybody, the owner last.

        Args:
            suffix: of their ids, for people whom nobody knows yet.
        """

        def token(name: str, *roles: str, issuer: Issuer = self.stack.issuer, **more: Any) -> str:
            return issuer.token(self.people[name].id + suffix, roles=roles, **more)

        def app(name: str, *roles: str, issuer: Issuer = self.stack.issuer) -> Caller:
            bearer = issuer.token(f"daemon of the matrix{suffix}", roles=roles, idtyp="app")
            return Caller(name, bearer, frozenset(roles), is_app=True)

        late, every = timedelta(minutes=-5), frozenset(ROLES)
        return [
            Caller(NOBODY, None),
            Caller(EXPIRED, token(OWNER, *ROLES, lifetime=late), every),
            Caller(ERASED, self.people[ERASED].bearer, every),
            Caller(ELSEWHERE, token(OWNER, *ROLES, issuer=self.elsewhere), every),
            app(APP_ELSEWHERE, *ROLES, issuer=self.elsewhere),
            app(APP),
            *(app(role, role) for role in ROLES),
            *(Caller(name, token(name)) for name in (STRANGER, FRIEND, INVITED)),
            Caller(MANAGER, token(MANAGER, *ROLES), every),
            Caller(OWNER_WITHOUT_ROLES, token(OWNER)),
            Caller(OWNER, token(OWNER, *ROLES), every),
        ]

    @property
    def teams_token(self) -> str:
        return teams_token(self.stack)


@asynccontextmanager
async def scene_on(stack: Stack, host: Host, elsewhere: Issuer) -> AsyncIterator[Scene]:
    """Everybody is there and knows whom they know; the owner's calls end with the scene."""
    names = (OWNER, INVITED, FRIEND, STRANGER, MANAGER, ERASED)
    async with aiohttp.ClientSession() as client:
        people = {
            name: Person(client, host, stack.issuer, f"{name} of the matrix", name.title())
            for name in names
        }
        scene = Scene(stack, host, client, elsewhere, people)
        for name, person in people.items():
            person.sign_in(*(ROLES if name in (OWNER, ERASED) else ()))
            await person.token()
        await befriend(scene.owner, people[INVITED], people[FRIEND])
        assert (await people[ERASED].forget()).status == 204
        call = await scene.call(INVITED, FRIEND)
        scene.ids["call"] = call["id"]
        scene.ids["shared"] = await scene.group_call()
        yield scene
        for call in (await scene.owner.ask("/calls")).json["calls"]:
            if call["state"] != "disconnected":
                await scene.owner.ask(f"/calls/{call['id']}", "DELETE")
