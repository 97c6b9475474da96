"""Revoked means revoked: on every host, for every request that starts after the answer."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import aiohttp

from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import KillEach
from tests.support.table_proxy import TableProxy


async def test_after_a_revocation_both_hosts_give_new_tokens_and_the_old_ones_are_dead(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("revoked")
    old = [(await ask(client, host, "/token", token)).json["token"] for host in hosts]
    cached = [(await ask(client, host, "/token", token)).json["token"] for host in hosts]
    revoked = await ask(client, hosts[0], "/token", token, method="DELETE")
    new = [(await ask(client, host, "/token", token)).json["token"] for host in hosts]

    assert cached == old
    assert (revoked.status, revoked.json) == (204, None)
    assert not set(new) & set(old)
    assert [(await acs.introspect(each))["active"] for each in old] == [False, False]
    assert [(await acs.introspect(each))["active"] for each in new] == [True, True]


async def test_a_request_that_starts_afterwards_does_not_join_one_from_before(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("in flight")
    await ask(client, hosts[0], "/token", token)
    fault = await acs.fault("issue", hold="after", times=1)  # minted, and not answered yet
    in_flight = asyncio.create_task(ask(client, hosts[1], "/token", token))
    await acs.held(fault)

    await ask(client, hosts[0], "/token", token, method="DELETE")
    after = await ask(client, hosts[1], "/token", token)
    await acs.release(fault)
    before = await in_flight
    again = await ask(client, hosts[1], "/token", token)

    assert (await acs.introspect(after.json["token"]))["active"]
    assert not (await acs.introspect(before.json["token"]))["active"]
    assert again.json["token"] == after.json["token"]  # and the late answer is in nobody's way


async def test_a_first_token_that_was_revoked_before_its_mapping_was_known_is_not_kept(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    acs: Control,
    tables: TableProxy,
    table_faults: Control,
) -> None:
    slow = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="60"
    )
    fast, token = await start_host(), stack.token("lost answer")
    await table_faults.fault("insert", delayMs=0, times=1)
    # The mapping is written and its answer lost, as slowly as can be.
    fault = await table_faults.fault("insert", hold="after", drop="after", times=1)
    first = asyncio.create_task(ask(client, slow, "/token", token))
    await table_faults.held(fault)
    assert (await ask(client, fast, "/token", token, method="DELETE")).status == 204
    await table_faults.release(fault)

    replies = [await first, await ask(client, slow, "/token", token)]

    for reply in replies:
        assert (await acs.introspect(reply.json["token"]))["active"]
    assert replies[0].user_id == replies[1].user_id


@dataclass
class Request:
    started: int  # a tick of the test's own order of things
    ended: int
    token: str


async def test_no_request_after_a_revocation_gets_a_token_from_before_it(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("busy")
    await ask(client, hosts[0], "/token", token)
    requests: list[Request] = []
    revoked_at: list[tuple[int, int]] = []
    tick, done = 0, asyncio.Event()

    def now() -> int:
        nonlocal tick
        tick += 1
        return tick

    async def keep_asking(host: Host) -> None:
        while not done.is_set():
            started = now()
            reply = await ask(client, host, "/token", token)
            requests.append(Request(started, now(), reply.json["token"]))

    askers = [asyncio.create_task(keep_asking(hosts[n % 2])) for n in range(6)]
    for n in range(8):
        seen = len(requests)
        while len(requests) < seen + 12:
            await asyncio.sleep(0.001)
        began = now()
        revoked = await ask(client, hosts[n % 2], "/token", token, method="DELETE")
        assert revoked.status == 204
        revoked_at.append((began, now()))
    done.set()
    await asyncio.gather(*askers)

    for began, answered in revoked_at:
        earlier = {request.token for request in requests if request.ended < began}
        later = {request.token for request in requests if request.started > answered}
        assert not earlier & later
    last_began, last_answered = revoked_at[-1]
    for request in requests:
        active = (await acs.introspect(request.token))["active"]
        assert not (request.ended < last_began and active)
        assert active or request.started < last_answered


REVOCATION = [
    Step("tables", "update", 0, "before"),
    Step("tables", "update", 0, "after"),
    Step("acs", "revoke", 0, "before"),
    Step("acs", "revoke", 0, "after"),
    Step("tables", "update", 1, "before"),
    Step("tables", "update", 1, "after"),
]


async def test_a_revocation_killed_anywhere_is_finished_by_its_retry(
    stack: Stack,
    client: aiohttp.ClientSession,
    acs: Control,
    counted_host: Host,
    kill_each: KillEach,
) -> None:
    """Each step with somebody else, who all share one kill."""
    bearers = [stack.token(f"revoke killed at {step}") for step in REVOCATION]

    def asked(method: str) -> list[Awaitable[Reply]]:
        return [ask(client, counted_host, "/token", one, method=method) for one in bearers]

    old = await asyncio.gather(*asked("POST"))
    await kill_each(zip(REVOCATION, asked("DELETE"), strict=True))
    revoked = await asyncio.gather(*asked("DELETE"))
    new = await asyncio.gather(*asked("POST"))

    assert {reply.status for reply in revoked} == {204}
    for step, before, after in zip(REVOCATION, old, new, strict=True):
        assert not (await acs.introspect(before.json["token"]))["active"], step
        assert (await acs.introspect(after.json["token"]))["active"], step


async def test_who_has_nothing_to_revoke_is_told_the_same(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    before = await acs.identities()
    reply = await ask(client, one_host, "/token", stack.token("never came"), method="DELETE")

    assert reply.status == 204
    assert await acs.identities() == before


async def test_many_revocations_at_the_same_instant_all_succeed(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("all at once")
    old = (await ask(client, hosts[0], "/token", token)).json["token"]

    replies = await asyncio.gather(
        *(ask(client, hosts[n % 2], "/token", token, method="DELETE") for n in range(32))
    )

    assert {reply.status for reply in replies} == {204}
    assert not (await acs.introspect(old))["active"]
    new = await ask(client, hosts[1], "/token", token)
    assert (await acs.introspect(new.json["token"]))["active"]


async def test_an_app_revokes_its_own_tokens_with_the_role(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    app = {"azp": "revoking daemon"}
    allowed = stack.token("revoking daemon", roles=["Tokens.Issue"], **app)
    old = (await ask(client, one_host, "/token", allowed)).json["token"]
    without = stack.token("revoking daemon", **app)

    assert (await ask(client, one_host, "/token", without, method="DELETE")).status == 403
    assert (await acs.introspect(old))["active"]
    assert (await ask(client, one_host, "/token", allowed, method="DELETE")).status == 204
    assert not (await acs.introspect(old))["active"]


async def test_trouble_with_acs_is_not_taken_for_a_revocation(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    token = stack.token("not revoked")
    old = (await ask(client, one_host, "/token", token)).json["token"]
    await acs.fault("revoke", status=503, retryAfter=5)
    failed = await ask(client, one_host, "/token", token, method="DELETE")
    await acs.clear()

    assert (failed.status, failed.headers["Retry-After"]) == (503, "5")
    assert (await acs.introspect(old))["active"]
    assert (await ask(client, one_host, "/token", token, method="DELETE")).status == 204
    assert not (await acs.introspect(old))["active"]
