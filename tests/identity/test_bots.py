"""Bots: only operators register and act, any user of the realm resolves, no other realm sees."""

import asyncio
import base64
import json
from typing import Any

import aiohttp
import pytest

from tests.support.api import ask, mappings
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.stack import Host, Issuer, Stack, StartHost
from tests.support.table_proxy import TableProxy

OPERATOR = ["Bots.Operate"]


async def put(client: aiohttp.ClientSession, host: Host, bot: str, token: str, name: str) -> Any:
    path, body = f"/bots/{bot}", {"displayName": name}
    return await ask(client, host, path, token, method="PUT", json=body)


async def test_a_bot_is_registered_renamed_resolved_used_and_removed(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    operator, user = stack.token("operator", roles=OPERATOR), stack.token("bot user")
    created = await put(client, one_host, "helper", operator, "Helper")
    renamed = await put(client, one_host, "helper", operator, "Help Desk")
    resolved = await ask(client, one_host, "/bots/helper", user)
    granted = await ask(client, one_host, "/bots/helper/token", operator, method="POST")
    revoked = await ask(client, one_host, "/bots/helper/token", operator, method="DELETE")

    assert (created.status, renamed.status) == (201, 200)
    assert renamed.json == {**created.json, "displayName": "Help Desk"} == resolved.json
    assert created.json["id"] == "helper"
    assert granted.json["user"] == {
        "communicationUserId": created.json["communicationUserId"],
        "id": "helper",
    }
    assert revoked.status == 204
    assert not (await acs.introspect(granted.json["token"]))["active"]

    for _ in range(2):
        removed = await ask(client, one_host, "/bots/helper", operator, method="DELETE")
        assert removed.status == 204
    assert (await ask(client, one_host, "/bots/helper", user)).status == 404
    assert created.json["communicationUserId"] not in (await acs.state())["identities"]
    assert mappings(stack, "helper") == []
    again = await put(client, one_host, "helper", operator, "Helper")
    assert again.status == 201
    assert again.json["communicationUserId"] != created.json["communicationUserId"]


async def test_many_registrations_at_the_same_instant_make_one_bot(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, before = [await start_host(), await start_host()], await acs.state()
    operator = stack.token("operator", roles=OPERATOR)

    replies = await asyncio.gather(
        *(put(client, hosts[n % 2], "popular", operator, "Popular") for n in range(16))
    )

    assert {reply.status for reply in replies} | {200} == {200, 201}  # it was new to somebody
    ids = {reply.json["communicationUserId"] for reply in replies}
    assert [*ids] == mappings(stack, "popular")
    after = await acs.state()
    more = (after["created"] - before["created"]) - (after["deleted"] - before["deleted"])
    assert more == or_more(1)


async def test_a_late_removal_spares_the_bot_that_was_registered_since(
    stack: Stack,
    one_host: Host,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    tables: TableProxy,
    table_faults: Control,
) -> None:
    operator = stack.token("operator", roles=OPERATOR)
    slow = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="60"
    )
    first = await put(client, one_host, "revenant", operator, "First")
    await table_faults.fault("remove", delayMs=0, times=2)  # its place, and the reverse row
    fault = await table_faults.fault("remove", hold="before", times=1)  # the mapping
    late = asyncio.create_task(ask(client, slow, "/bots/revenant", operator, method="DELETE"))
    await table_faults.held(fault)
    removed = await ask(client, one_host, "/bots/revenant", operator, method="DELETE")
    second = await put(client, one_host, "revenant", operator, "Second")
    await table_faults.release(fault)

    assert [removed.status, (await late).status, second.status] == [204, 204, 201]
    found = await ask(client, one_host, "/bots/revenant", operator)
    assert found.json == second.json != first.json


async def test_a_name_that_could_not_be_written_is_not_reported_as_written(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    tables: TableProxy,
    table_faults: Control,
) -> None:
    operator = stack.token("operator", roles=OPERATOR)
    host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="60"
    )
    await put(client, host, "stubborn", operator, "Old")
    await table_faults.fault("update", status=503)
    failed = await put(client, host, "stubborn", operator, "New")
    await table_faults.clear()

    assert failed.status == 503
    assert (await put(client, host, "stubborn", operator, "New")).json["displayName"] == "New"


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "\u202egnp.exe", "x" * 257, 7, None])
async def test_a_name_is_a_visible_text(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, name: object
) -> None:
    operator = stack.token("operator", roles=OPERATOR)
    body = {"displayName": name}
    refused = await ask(client, one_host, "/bots/x", operator, method="PUT", json=body)

    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "displayName")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/bots/guarded"),
        ("DELETE", "/bots/guarded"),
        ("POST", "/bots/guarded/token"),
        ("DELETE", "/bots/guarded/token"),
    ],
)
async def test_only_the_role_registers_and_acts(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, method: str, path: str
) -> None:
    body = {"displayName": "x"} if method == "PUT" else None
    for token in (
        stack.token("nobody special"),
        stack.token("by scope", scope="Bots.Operate", scp="Bots.Operate"),
        stack.token("other role", roles=["bots.operate", "Tokens.Issue"]),
    ):
        refused = await ask(client, one_host, path, token, method=method, json=body)
        assert (refused.status, refused.json["code"]) == (403, "forbidden")
        assert "Bots.Operate" in refused.json["detail"]
    assert mappings(stack, "guarded") == []


async def test_an_app_may_operate_bots_with_the_role(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    app = stack.token("bot runner", roles=OPERATOR, azp="bot runner")

    assert (await put(client, one_host, "run-by-app", app, "App's")).status == 201


async def test_another_realm_sees_nothing(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    second_issuer: Issuer,
) -> None:
    second = {"issuer": second_issuer.url, "audience": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))
    here = stack.token("operator", roles=OPERATOR)
    there = second_issuer.token("operator", roles=OPERATOR)
    mine = await put(client, host, "realm-bot", here, "Here")

    hidden = await ask(client, host, "/bots/realm-bot", there)
    unknown = await ask(client, host, "/bots/no-such-bot", there)
    assert (hidden.status, hidden.json["code"]) == (404, "not-found")
    assert {**hidden.json, "instance": ""} == {**unknown.json, "instance": ""}
    await ask(client, host, "/bots/realm-bot", there, method="DELETE")
    theirs = await put(client, host, "realm-bot", there, "There")
    assert theirs.status == 201
    still = await ask(client, host, "/bots/realm-bot", here)
    assert still.json == mine.json != theirs.json


@pytest.mark.parametrize("bot", ["a/b", "späť", "😀" * 256, "a b", "~tilde", ".", "plain.bot"])
async def test_a_bots_id_may_be_anything_in_the_coded_form(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, bot: str
) -> None:
    operator = stack.token("operator", roles=OPERATOR)
    coded = "~" + base64.urlsafe_b64encode(bot.encode()).rstrip(b"=").decode()

    assert (await put(client, one_host, coded, operator, "Any")).json["id"] == bot
    if bot == "plain.bot":  # both forms mean the same
        assert (await ask(client, one_host, f"/bots/{bot}", operator)).json["id"] == bot


@pytest.mark.parametrize("segment", ["a%20b", "~", "~!!", "~gICA", "~YQ=b", "a:b"])
async def test_an_id_in_neither_form_is_refused(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, segment: str
) -> None:
    reply = await ask(client, one_host, f"/bots/{segment}", stack.token("bot user"))

    assert (reply.status, reply.json["errors"][0]["in"]) == (400, "path")


async def test_a_bot_needs_a_name_and_a_token_needs_a_bot(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    operator = stack.token("operator", roles=OPERATOR)
    nameless = await ask(client, one_host, "/bots/x", operator, method="PUT", json={})
    token = await ask(client, one_host, "/bots/no-such-bot/token", operator, method="POST")

    assert (nameless.status, nameless.json["errors"][0]["field"]) == (400, "displayName")
    assert token.status == 404
