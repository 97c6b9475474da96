"""A host that dies while two people decide about each other leaves nothing half said."""

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.support import sampling
from tests.support.api import Reply, ask
from tests.support.kills import Step
from tests.support.people import People, Person, befriend, coded
from tests.support.sampling import Few
from tests.support.stack import Host, StartHost
from tests.support.storage import Kill, every_step
from tests.support.table_proxy import TableProxy


async def can_call_each_other(one: Person, other: Person) -> None:
    """Each is told the other's ACS id, by resolving and in the list."""
    for me, friend in ((one, other), (other, one)):
        shown = {
            "id": friend.id,
            "displayName": friend.name,
            "state": "accepted",
            "communicationUserId": (await friend.token()).user_id,
        }
        assert (await me.resolve(friend.id)).json == shown
        assert (await me.friends()).json == {"friends": [shown]}


async def test_an_acceptance_killed_at_any_step_is_finished_by_its_repetition(
    counted_host: Host, tables: TableProxy, people: People, kill: Kill, few: Few
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await alice.add(bob.id)
    await bob.token()
    steps = await every_step(tables, bob.add(alice.id))
    assert {step.operation for step in steps} >= {"get", "update"}

    for step in few(steps):
        alice, bob = people(counted_host, f"alice at {step}", f"bob at {step}")
        await alice.add(bob.id)
        await bob.token()

        await kill(step, bob.add(alice.id))
        has_said_yes = (await bob.states())[alice.id] == "accepted"
        repeated = await bob.add(alice.id)

        assert repeated.status == (200 if has_said_yes else 201), step
        assert repeated.json["state"] == "accepted"
        await can_call_each_other(alice, bob)


async def test_a_removal_killed_at_any_step_is_finished_by_its_repetition(
    counted_host: Host, tables: TableProxy, people: People, kill: Kill, few: Few
) -> None:
    alice, bob = people(counted_host, "alice", "bob")
    await befriend(alice, bob)
    steps = await every_step(tables, bob.remove(alice.id))
    assert {step.operation for step in steps} >= {"get", "update"}

    for step in few(steps):
        alice, bob = people(counted_host, f"alice at {step}", f"bob at {step}")
        await befriend(alice, bob)

        await kill(step, bob.remove(alice.id))
        # The part that was done before the kill counts for both people.
        found = [(await alice.resolve(bob.id)).status, (await bob.resolve(alice.id)).status]
        assert found in ([200, 200], [404, 404]), step
        repeated = await bob.remove(alice.id)

        assert repeated.status == 204
        assert (await alice.resolve(bob.id)).status == 404
        assert (await bob.resolve(alice.id)).status == 404
        assert await bob.states() == {}
        assert (await alice.friends()).json == {
            "friends": [{"id": bob.id, "displayName": None, "state": "requested"}]
        }


# Telling a new name to three friends: the rename, the query, a read and a write for each of them,
# and the note that all know.
TELLING = [
    Step("tables", "update", 0, "before"),
    Step("tables", "update", 0, "after"),
    Step("tables", "query", 0, "before"),
    Step("tables", "get", 1, "before"),
    Step("tables", "update", 1, "after"),
    Step("tables", "update", 4, "before"),
    Step("tables", "update", 4, "after"),
]


async def test_a_new_name_whose_telling_was_killed_reaches_all_friends_with_the_next_token(
    counted_host: Host, tables: TableProxy, people: People, kill: Kill, few: Few
) -> None:
    for step in few(TELLING):
        names = (f"{name} at {step}" for name in ("alice", "bob", "carol", "dave"))
        alice, *friends = people(counted_host, *names)
        await befriend(alice, *friends)

        await kill(step, alice.renamed(f"Alicia at {step}"))
        assert (await alice.token()).status == 200

        for friend in friends:
            told = [(await friend.resolve(alice.id)).json]
            told += (await friend.friends()).json["friends"]
            assert [shown["displayName"] for shown in told] == [f"Alicia at {step}"] * 2
        tables.requests.clear()
        await alice.token()
        assert tables.requests == {"get": 1}, step  # nothing is left to tell


@dataclass
class Said:
    """What one person said last about another, and when that was asked for and answered.

    Attributes:
        asked: the yes that stands; the same yes again changes nothing.
        refused: the last no.
    """

    yes: bool = False
    blocked: bool = False
    asked: tuple[int, int] = (0, 0)
    refused: tuple[int, int] = (0, 0)


def shown(mine: Said, theirs: Said) -> set[str | None]:
    """What my list may say of a friend: one thing, unless both decided at the same time."""
    if mine.yes:
        return {"accepted" if theirs.yes else "requested"}
    if not theirs.yes or mine.blocked or mine.refused[0] > theirs.asked[1]:
        return {None}
    return {"incoming"} if theirs.asked[0] > mine.refused[1] else {None, "incoming"}


@dataclass
class Decisions:
    """Decisions of several people about each other, sent to two hosts that die now and then.

    They come in rounds, so that every kill finds some under way.

    Attributes:
        allowed: how many decisions may have begun.
        under_way: how many requests each host has not answered.
    """

    client: aiohttp.ClientSession
    hosts: list[Host]
    allowed: int
    begun: int = 0
    answered: int = 0
    under_way: Counter[Host] = field(default_factory=Counter)
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    clock: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def make(
        self, pairs: list[tuple[Person, Person]], total: int, chance: random.Random
    ) -> None:
        """Decide about these pairs, about which nobody else decides, until there were `total`
        decisions in all."""
        while True:
            async with self.changed:
                await self.changed.wait_for(lambda: self.begun < self.allowed)
                if self.begun == total:
                    return
                self.begun += 1
                if self.begun == total:
                    self.allowed += 1  # so that all see that it is over
                    self.changed.notify_all()
            await self._decide(*chance.choice(pairs), chance)
            async with self.changed:
                self.answered += 1
                self.changed.notify_all()

    async def _decide(self, owner: Person, friend: Person, chance: random.Random) -> None:
        said = self.said[owner.id, friend.id]
        path, method = f"/friends/{coded(friend.id)}", "PUT"
        block = None
        if chance.random() < 0.45:
            method, block = "DELETE", chance.choice([None, None, None, True, False])
        if block is not None:
            path += f"?block={str(block).lower()}"
        began = next(self.clock)
        reply = await self._until_answered(owner, path, method, chance)
        assert reply.status in ((200, 201) if method == "PUT" else (204,)), reply
        when = (began, next(self.clock))
        if method == "PUT":
            if not said.yes:
                said.asked = when
            said.yes, said.blocked = True, False
        else:
            said.yes, said.refused = False, when
            said.blocked = said.blocked if block is None else block

    async def _until_answered(
        self, owner: Person, path: str, method: str, chance: random.Random
    ) -> Reply:
        async with asyncio.timeout(60):
            while True:
                host = chance.choice(self.hosts)
                self.under_way[host] += 1
                try:
                    reply = await ask(self.client, host, path, owner.bearer, method=method)
                    if reply.status not in (409, 503):
                        return reply
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
                finally:
                    self.under_way[host] -= 1

    async def answer(self, due: int) -> None:
        """Return once so many were answered."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.answered >= due)

    async def allow(self, more: int) -> None:
        async with self.changed:
            self.allowed += more
            self.changed.notify_all()


@pytest.mark.slow
async def test_what_everybody_said_last_stands_after_kills(
    start_host: StartHost, client: aiohttp.ClientSession, people: People
) -> None:
    kills, at_once, a_round = 10 if sampling.soak else 4, 8, 30
    chance = random.Random(20261128)
    hosts = [await start_host(), await start_host()]
    everybody = people(hosts[0], "ann", "ben", "cat", "dan", "eve", "fay")
    pairs = list(itertools.permutations(everybody, 2))
    decisions = Decisions(client, hosts, allowed=a_round)
    decisions.said = {(owner.id, friend.id): Said() for owner, friend in pairs}

    async def kill_now_and_then() -> int:
        done = cut_short = 0
        while done < kills:
            await decisions.answer(a_round * done + chance.randrange(a_round - at_once))
            host = chance.choice(hosts)
            cut_short += decisions.under_way[host]
            host.kill()
            done += 1
            await host.start()
            await decisions.allow(a_round)
        assert cut_short >= kills
        return done

    async with asyncio.TaskGroup() as group:
        killer = group.create_task(kill_now_and_then())
        for n in range(at_once):
            decide = decisions.make(pairs[n::at_once], a_round * (kills + 1), random.Random(n))
            group.create_task(decide)

    assert killer.result() == kills
    assert decisions.answered == a_round * (kills + 1)
    ids = {person.id: (await person.token()).user_id for person in everybody}
    for me in everybody:
        listed = {friend["id"]: friend for friend in (await me.friends()).json["friends"]}
        for friend in everybody:
            if friend is me:
                continue
            mine, theirs = decisions.said[me.id, friend.id], decisions.said[friend.id, me.id]
            told = listed.pop(friend.id, {})
            assert told.get("state") in shown(mine, theirs), (mine, theirs)
            resolved = await me.resolve(friend.id)
            if mine.yes and theirs.yes:
                assert told["communicationUserId"] == ids[friend.id]
                assert (resolved.status, resolved.json) == (200, told)
            else:
                assert "communicationUserId" not in told
                assert resolved.status == 404
        assert listed == {}
