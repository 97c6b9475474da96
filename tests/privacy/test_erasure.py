"""Erased means erased: in every table and in ACS, whenever the host dies on the way."""

import asyncio
import json
import time
from collections.abc import Awaitable
from typing import Any

import aiohttp

from shared.tables import IDENTITIES
from tests.support.all_rows import rows_with
from tests.support.api import Reply, ask, mappings
from tests.support.control import Control
from tests.support.kills import Step
from tests.support.sampling import Few
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import KillEach


def rows_by_table(stack: Stack, *words: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of each table that holds one of the words in any of its values."""
    return rows_with(stack.values["tablesConnectionString"], *words)


def rows_about(stack: Stack, *words: str) -> list[dict[str, Any]]:
    """The same rows, whatever table they are in."""
    return [row for rows in rows_by_table(stack, *words).values() for row in rows]


ERASURE = [
    Step("tables", "insert", 0, "before"),
    Step("tables", "insert", 0, "after"),
    Step("tables", "get", 0, "before"),
    Step("tables", "update", 0, "before"),
    Step("tables", "update", 0, "after"),
    Step("acs", "delete", 0, "before"),
    Step("acs", "delete", 0, "after"),
    Step("tables", "query", 0, "before"),
    Step("tables", "remove", 0, "before"),
    Step("tables", "remove", 0, "after"),
    Step("tables", "update", 1, "before"),
    Step("tables", "update", 1, "after"),
    Step("tables", "remove", 1, "before"),
]


async def test_an_erasure_killed_anywhere_is_finished_by_its_retry(
    stack: Stack,
    client: aiohttp.ClientSession,
    acs: Control,
    counted_host: Host,
    kill_each: KillEach,
    sample: Few,
) -> None:
    """Each step with somebody else, who all share one kill."""
    bearers, named, granted, exported, stored = [], [], [], [], []
    steps = sample(ERASURE)
    for step in steps:
        user, name = f"erased at {step}", f"Name of {step}"
        bearers.append(stack.token(user, name=name))
        granted.append(await ask(client, counted_host, "/token", bearers[-1]))
        exported.append(await ask(client, counted_host, "/user/export", bearers[-1]))
        named.append((user, name, granted[-1].user_id))
        # The mapping, and its reverse row. See test_every_table for people about whom other rows
        # tell.
        found = {table: rows for table, rows in rows_by_table(stack, *named[-1]).items() if rows}
        assert {table: len(rows) for table, rows in found.items()} == {IDENTITIES: 2}
        stored.append(found[IDENTITIES])

    def erase() -> list[Awaitable[Reply]]:
        return [ask(client, counted_host, "/user", bearer, method="DELETE") for bearer in bearers]

    await kill_each(zip(steps, erase(), strict=True))
    erased = await asyncio.gather(*erase())

    assert {reply.status for reply in erased} == {204}
    assert rows_about(stack, *(word for words in named for word in words)) == []
    living = set((await acs.state())["identities"])
    assert not living & {one.user_id for one in granted}
    for one, export, rows in zip(granted, exported, stored, strict=True):
        assert not (await acs.introspect(one.json["token"]))["active"]
        # The export had everything that was stored about the person, in any row of any table.
        told = json.dumps(export.json, ensure_ascii=False)
        for row in rows:
            for column in row.keys() & {"id", "realm", "kind", "displayName"}:
                assert row[column] in told
            assert row["communicationUserId"] in told


async def test_an_old_bearer_token_is_refused_and_a_new_sign_in_is_a_new_person(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts = [await start_host(), await start_host()]
    old = stack.token("phoenix", name="Phoenix")
    first = await ask(client, hosts[0], "/token", old)
    assert (await ask(client, hosts[1], "/token", old)).user_id == first.user_id
    assert (await ask(client, hosts[0], "/user", old, method="DELETE")).status == 204

    for host in hosts:
        for path in ("/token", "/user", "/user/export"):
            refused = await ask(client, host, path, old)
            assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
            assert "erased" in refused.headers["WWW-Authenticate"]
    operator = {"roles": ["Bots.Operate"], "iat": int(time.time()) - 60}
    for method, path in (
        ("GET", "/bots/x"),
        ("DELETE", "/bots/x"),
        ("POST", "/bots/x/token"),
        ("DELETE", "/bots/x/token"),
        ("POST", "/token/teams"),
    ):
        bearer = stack.token("phoenix", **operator)
        assert (await ask(client, hosts[0], path, bearer, method=method)).status == 401
    new = stack.token("phoenix", name="Phoenix")
    exported = await ask(client, hosts[0], "/user/export", new)
    assert [set(row) for row in exported.json["held"]["identities"]] == [{"erasedAt"}]
    second = await ask(client, hosts[1], "/token", new)
    assert second.user_id != first.user_id

    # The old one still works on nothing of the new person's, not even to erase or revoke.
    assert (await ask(client, hosts[0], "/user", old, method="DELETE")).status == 204
    assert (await ask(client, hosts[0], "/token", old, method="DELETE")).status == 401
    assert (await ask(client, hosts[0], "/token", old)).status == 401
    assert (await ask(client, hosts[0], "/token", new)).user_id == second.user_id
    assert (await acs.introspect(second.json["token"]))["active"]


async def test_a_request_from_before_an_erasure_gets_nothing_of_the_new_persons(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, old = [await start_host(), await start_host()], stack.token("overtaken")
    await ask(client, hosts[0], "/token", old)
    fault = await acs.fault("issue", hold="before", times=1)
    slow = asyncio.create_task(ask(client, hosts[1], "/token?expiresInMinutes=61", old))
    await acs.held(fault)
    assert (await ask(client, hosts[0], "/user", old, method="DELETE")).status == 204
    new = await ask(client, hosts[0], "/token", stack.token("overtaken"))
    before = await acs.state()
    await acs.release(fault)

    overtaken = await slow

    assert (overtaken.status, overtaken.json["code"]) == (401, "unauthenticated")
    after = await acs.state()
    assert after["created"] - before["created"] == after["deleted"] - before["deleted"]
    assert mappings(stack, "overtaken") == [new.user_id]


async def test_a_request_from_before_an_erasure_brings_nobody_back(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, old = [await start_host(), await start_host()], stack.token("gone meanwhile")
    granted = await ask(client, hosts[0], "/token", old)
    fault = await acs.fault("issue", hold="before", times=1)
    slow = asyncio.create_task(ask(client, hosts[1], "/token?expiresInMinutes=61", old))
    await acs.held(fault)
    assert (await ask(client, hosts[0], "/user", old, method="DELETE")).status == 204
    before = await acs.state()
    await acs.release(fault)

    overtaken = await slow
    assert (overtaken.status, overtaken.json["code"]) == (401, "unauthenticated")
    after = await acs.state()
    assert after["created"] - before["created"] == after["deleted"] - before["deleted"]
    assert rows_about(stack, "gone meanwhile", granted.user_id) == []
    assert mappings(stack, "gone meanwhile") == []


async def test_a_bearer_token_of_an_issuer_whose_clock_is_ahead_is_old_too(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    ahead = stack.token("clock ahead", iat=int(time.time()) + 40)
    assert (await ask(client, one_host, "/token", ahead)).status == 200
    assert (await ask(client, one_host, "/user", ahead, method="DELETE")).status == 204

    assert (await ask(client, one_host, "/token", ahead)).status == 401


async def test_who_never_came_can_be_erased_too(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    old, before = stack.token("never enrolled"), await acs.state()
    for _ in range(2):
        assert (await ask(client, one_host, "/user", old, method="DELETE")).status == 204

    assert (await ask(client, one_host, "/token", old)).status == 401
    assert (await acs.state())["created"] == before["created"]
    assert (await ask(client, one_host, "/token", stack.token("never enrolled"))).status == 200


async def test_many_erasures_at_the_same_instant_all_succeed(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("erased at once")
    granted = await ask(client, hosts[0], "/token", token)

    replies = await asyncio.gather(
        *(ask(client, hosts[n % 2], "/user", token, method="DELETE") for n in range(16))
    )

    assert {reply.status for reply in replies} == {204}
    assert rows_about(stack, "erased at once", granted.user_id) == []
    assert granted.user_id not in (await acs.state())["identities"]


async def test_nobody_is_served_while_being_erased(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    bearer = stack.token("half erased")
    granted = await ask(client, one_host, "/token", bearer)
    await acs.fault("delete", status=503)
    failed = await ask(client, one_host, "/user", bearer, method="DELETE")
    newer = stack.token("half erased")
    waiting = [await ask(client, one_host, path, newer) for path in ("/token", "/user")]
    await acs.clear()

    assert failed.status == 503
    assert [(reply.status, reply.json["code"]) for reply in waiting] == [(409, "being-erased")] * 2
    assert (await ask(client, one_host, "/user", newer, method="DELETE")).status == 204
    assert granted.user_id not in (await acs.state())["identities"]


async def test_every_erasure_and_token_is_in_the_audit_without_saying_who(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    bearer = stack.token("audited person", name="Audited Name")
    granted = await ask(client, one_host, "/token", bearer)
    await ask(client, one_host, "/token", bearer, method="DELETE")
    await ask(client, one_host, "/user", bearer, method="DELETE")
    log = one_host.log.read_text()

    audit = [line for line in log.splitlines() if " audit " in line]
    for action in ("token-issued", "tokens-revoked", "erased"):
        assert any(action in line for line in audit)
    for secret in ("audited person", "Audited Name", granted.user_id, granted.json["token"]):
        assert secret not in log
