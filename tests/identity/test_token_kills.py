"""A host that dies at any moment of a first sign-in loses nothing: the retry finishes it."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable

import aiohttp

from tests.support import sampling
from tests.support.api import (
    Reply,
    all_mappings,
    ask,
    ask_until_answered,
    mappings,
    recorded,
)
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import KillEach, spares

# Every moment of a first sign-in; how many identities were made in all, and how many of those live
# after the retry. Identities that remain besides the user's are those whose answer ACS sent to
# nobody, or that nobody recorded.
STEPS = [
    (Step("tables", "get", 0, "before"), 1, 1),
    (Step("tables", "query", 0, "before"), 1, 1),
    (Step("acs", "create", 0, "before"), 1, 1),
    (Step("acs", "create", 0, "after"), 2, 2),
    (Step("tables", "insert", 0, "before"), 2, 2),
    (Step("tables", "insert", 0, "after"), 2, 1),
    (Step("tables", "insert", 1, "before"), 2, 1),
    (Step("tables", "insert", 1, "after"), 2, 1),
    (Step("tables", "batch", 0, "before"), 2, 1),
    (Step("tables", "batch", 0, "after"), 1, 1),
]


async def test_a_kill_at_any_step_of_a_first_sign_in_leaves_one_mapping(
    stack: Stack,
    client: aiohttp.ClientSession,
    acs: Control,
    counted_host: Host,
    kill_each: KillEach,
) -> None:
    """Each step with somebody else, who all share one kill."""
    users = [f"killed at {step}" for step, _, _ in STEPS]
    before = await acs.state()

    def sign_in() -> list[Awaitable[Reply]]:
        return [ask(client, counted_host, "/token", stack.token(user)) for user in users]

    await kill_each(zip([step for step, _, _ in STEPS], sign_in(), strict=True))
    replies, again = await asyncio.gather(*sign_in()), await asyncio.gather(*sign_in())

    assert {reply.status for reply in (*replies, *again)} == {200}
    for user, first, second in zip(users, replies, again, strict=True):
        assert mappings(stack, user) == [first.user_id] == [second.user_id]
        assert (await acs.introspect(first.json["token"]))["active"]
        assert recorded(stack, user) == 1
        assert await spares(stack, user) == []
    after = await acs.state()
    assert after["created"] - before["created"] == sum(made for _, made, _ in STEPS)
    living = len(after["identities"]) - len(before["identities"])
    assert living == sum(living for _, _, living in STEPS)


async def test_sign_ins_survive_a_kill_in_every_ten_of_them(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    kills = 20 if sampling.soak else 6 if sampling.slow else 2
    users, at_once = 10 * kills, 8
    chance = random.Random(20261122)
    hosts = [await start_host(), await start_host()]
    todo = iter([f"survivor-{n}" for n in range(users)])
    answered: dict[str, set[str]] = {}
    progress = asyncio.Condition()

    async def sign_in() -> None:
        for user in todo:
            token = stack.token(user)
            for _ in range(2):
                reply = await ask_until_answered(client, chance.choice(hosts), "/token", token)
                answered.setdefault(user, set()).add(reply.user_id)
            async with progress:
                progress.notify_all()

    async def kill_now_and_then() -> int:
        done = 0
        for due in sorted(chance.sample(range(1, users - at_once), kills)):
            async with progress:
                await progress.wait_for(lambda due=due: len(answered) >= due)  # type: ignore[misc]
            host = chance.choice(hosts)
            host.kill()
            done += 1
            await host.start()
        return done

    killer = asyncio.create_task(kill_now_and_then())
    await asyncio.gather(*(sign_in() for _ in range(at_once)))

    assert await killer == kills
    assert len(answered) == users
    assert Counter(len(ids) for ids in answered.values()) == {1: users}
    mapped = {user: ids for user, ids in all_mappings(stack).items() if user in answered}
    assert mapped == {user: list(ids) for user, ids in answered.items()}
