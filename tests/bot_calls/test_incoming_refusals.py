"""Events that are not from Event Grid, or are foreign, late or repeated: no call is answered twice,
and the sender learns the reason of a refusal."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from devstack.well_known import EVENT_KEY_HEADER, TENANT_ID
from tests.bot_calls.incoming import END, PROOF, Line, event_of, has_ended, subscribe
from tests.bot_calls.incoming_fixtures import QUICK, alice, line
from tests.calls.test_calls import DONE_SECONDS, MANAGER, has
from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.people import People, Person
from tests.support.stack import Host, Issuer, Stack, StartHost
from tests.support.table_proxy import TableProxy

__all__ = ["alice", "line"]

EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
HANDSHAKE = {
    **event_of({"from": {"rawId": ""}, "to": {"rawId": ""}}),
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "data": {"validationCode": "abc", "validationUrl": "https://example.com"},
}


async def post(
    client: aiohttp.ClientSession, host: Host, data: bytes, headers: dict[str, str] = PROOF
) -> Reply:
    return await ask(client, host, "/incomingCalls", method="POST", headers=headers, data=data)


async def test_a_handshake_is_answered_with_its_code(line: Line) -> None:
    reply = await line.tell(
        [HANDSHAKE], headers={**PROOF, "aeg-event-type": "SubscriptionValidation"}
    )

    assert (reply.status, reply.json) == (200, {"validationResponse": "abc"})


async def test_what_is_missing_for_calls_to_be_answered_is_named(
    line: Line, start_host: StartHost, alice: Person
) -> None:
    ringing = event_of(await line.ring(alice))
    for setting, name, event in (
        ({"EVENT_GRID_KEY": ""}, "EVENT_GRID_KEY", HANDSHAKE),
        # Events about recordings need no bots, so the subscription does not need them either.
        ({"BOT_GREETING": "", "BOT_MENU": ""}, "BOT_GREETING", ringing),
        ({"CALLBACK_BASE_URL": ""}, "CALLBACK_BASE_URL", HANDSHAKE),
    ):
        host = await start_host(**setting)
        reply = await line.at(host).tell([event])
        assert (reply.status, reply.json["code"]) == (501, "not-configured")
        assert name in reply.json["detail"]
        host.kill()


async def test_who_has_no_proof_is_refused_before_anything_is_read(
    line: Line, stack: Stack, one_host: Host, client: aiohttp.ClientSession, alice: Person
) -> None:
    ringing = await line.ring(alice)
    forged: list[dict[str, str]] = [
        {},
        {EVENT_KEY_HEADER: ""},
        {EVENT_KEY_HEADER: "x" * 47},
        {"Authorization": f"Bearer {stack.token('alice', roles=MANAGER)}"},
        {"Authorization": f"Bearer {PROOF[EVENT_KEY_HEADER]}"},
        {"aeg-sas-key": PROOF[EVENT_KEY_HEADER]},
    ]

    for headers in forged:
        for body in (json.dumps([event_of(ringing)]).encode(), b"x" * 10_000_000, b"[" * 100_000):
            reply = await post(client, one_host, body, headers)
            assert (reply.status, reply.json["code"]) == (401, "unauthenticated")

    assert await line.calls() == []
    assert await line.in_acs(ringing) == []
    assert PROOF[EVENT_KEY_HEADER] not in one_host.log.read_text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json +14255550123", 400),
        (b"{}", 400),
        (b"[]", 400),
        (json.dumps(HANDSHAKE).encode(), 400),
        (json.dumps([{**HANDSHAKE, "data": {}}]).encode(), 400),
        (json.dumps([HANDSHAKE] * 101).encode(), 400),
        (b"x" * 10_000_000, 413),
    ],
)
async def test_what_is_no_delivery_is_refused_and_not_logged(
    line: Line, client: aiohttp.ClientSession, one_host: Host, body: bytes, status: int
) -> None:
    reply = await post(client, one_host, body)

    assert reply.status == status
    assert "+14255550123" not in json.dumps(reply.json) + one_host.log.read_text()


async def test_what_is_not_a_call_of_the_realm_to_a_bot_of_ours_is_ignored(
    line: Line,
    acs: Control,
    people: People,
    client: aiohttp.ClientSession,
    start_host: StartHost,
    second_issuer: Issuer,
    alice: Person,
) -> None:
    issuers = [{"issuer": second_issuer.url, "audience": second_issuer.audience}]
    host = await start_host(AUTH_ISSUERS=json.dumps(issuers))
    there = line.at(host)
    [stranger] = People(client, second_issuer, "elsewhere")(host, "stranger")
    [bob] = people(host, "bob")
    alices, bobs = (await alice.token()).user_id, (await bob.token()).user_id
    resource, _, guid = line.bot_id.partition("_")
    calls = {
        "another resource's": await line.ring(alices, to=f"8:acs:{'0' * 8}{resource[14:]}_{guid}"),
        "a user": await line.ring(alices, to=bobs),
        "nobody": await line.ring(alices, to=f"{resource}_{'0' * 8}-0000-0000-0000-000000000000"),
        "our number": await line.ring("4:+14255550123", to="4:+14255550100"),
        "from another realm": await line.ring((await stranger.token()).user_id),
        "from a number": await line.ring("4:+14255550123"),
        "from Teams": await line.ring("8:orgid:11111111-2222-4333-8444-555555555555"),
    }
    before = await line.asked()

    told = {name: (await there.deliver(call)).json["results"] for name, call in calls.items()}
    other = await there.deliver(calls["a user"], eventType="Microsoft.Communication.CallStarted")
    odd = await there.deliver(calls["a user"], data={"to": 7})

    assert told == {
        "another resource's": ["no-bot"],
        "a user": ["no-bot"],
        "nobody": ["no-bot"],
        "our number": ["no-bot"],
        "from another realm": ["stranger"],
        "from a number": ["stranger"],
        "from Teams": ["stranger"],
    }
    assert (other.json["results"], odd.json["results"]) == (["ignored"], ["ignored"])
    assert await line.asked() == before
    assert await there.calls() == []
    assert "+14255550123" not in host.log.read_text()


async def test_each_event_of_an_array_has_its_result(line: Line, alice: Person) -> None:
    events = [event_of(await line.ring(alice, END)) for _ in range(2)]

    reply = await line.tell([events[0], {**HANDSHAKE, "eventType": "Other"}, events[1]])

    assert reply.json == {"results": ["answered", "ignored", "answered"]}


async def test_a_call_that_rang_too_long_ago_changes_nothing(
    line: Line, acs: Control, stack: Stack, alice: Person
) -> None:
    ringing, before = await line.ring(alice), await line.asked()
    then = (datetime.now(UTC) - timedelta(seconds=31)).isoformat()

    late = await line.deliver(ringing, eventTime=then)

    assert late.json == {"results": ["late"]}
    assert await line.asked() == before
    assert await line.calls() == []
    answered = await line.deliver(ringing)
    again = await line.deliver(ringing, eventTime=then)
    assert (answered.json["results"], again.json["results"]) == (["answered"], ["late"])
    assert len(await line.calls()) == 1


async def test_a_call_that_is_told_of_again_is_answered_once(
    line: Line, acs: Control, alice: Person, start_host: StartHost
) -> None:
    """On two hosts, at once and later, by the same event and by another about the same ringing."""
    base = line.manager.host.api.removesuffix("/api")
    elsewhere = line.at(await start_host(CALLBACK_BASE_URL=base))
    await acs.put("farEnds", {**QUICK, "playMs": 60_000})
    ringing = await line.ring(alice)
    event = event_of(ringing)

    replies = await asyncio.gather(
        *(one.tell([event]) for one in (line, elsewhere) for _ in range(5)),
        *(one.deliver(ringing) for one in (line, elsewhere) for _ in range(5)),
    )
    replies.append(await elsewhere.tell([event]))

    assert {reply.status for reply in replies} == {200}, replies
    assert {tuple(reply.json["results"]) for reply in replies} == {("answered",)}
    assert len(await line.in_acs(ringing)) == 1
    seen = await line.seen(has(1))
    assert len(await line.calls()) == 1
    assert [one["kind"] for one in seen["actions"]] == ["play"]  # greeted once


async def test_event_grid_itself_is_told_when_to_come_again(
    line: Line, acs: Control, one_host: Host, alice: Person
) -> None:
    await subscribe(acs, one_host, repeat=3, retryMs=50)
    await acs.fault("answerCall", status=503, retryAfter=7)
    await line.ring(alice, END)
    async with asyncio.timeout(DONE_SECONDS):
        while not (told := (await acs.get("eventSubscription"))["deliveries"])[0]["attempts"]:
            await asyncio.sleep(0.02)
    assert told[0]["attempts"][0] == 502  # a 503 would come again too late
    await acs.clear()

    await line.seen(has_ended)

    assert len(await line.calls()) == 1
    async with asyncio.timeout(DONE_SECONDS):
        while (await acs.get("eventSubscription"))["deliveries"][0]["state"] != "taken":
            await asyncio.sleep(0.02)


async def test_what_is_down_is_told_with_a_time_to_come_again(
    line: Line, acs: Control, tables: TableProxy, table_faults: Control, start_host: StartHost,
    alice: Person,
) -> None:  # fmt: skip
    host = await start_host(TABLES_CONNECTION_STRING=tables.connection_string)
    there, ringing = line.at(host), await line.ring(alice, END)
    failed = {}
    for control, operation in ((table_faults, "get"), (table_faults, "batch"), (acs, "answerCall")):
        await control.fault(operation, status=503)
        failed[operation] = await there.deliver(ringing)
        await control.clear()

    assert {reply.status for reply in failed.values()} == {502}
    assert all(int(reply.headers["Retry-After"]) >= 1 for reply in failed.values())
    assert (await there.deliver(ringing)).json == {"results": ["answered"]}
    await there.seen(has_ended)


async def test_a_call_that_stopped_ringing_is_shown_as_missed(
    line: Line, acs: Control, alice: Person
) -> None:
    await acs.put("farEnds", {**QUICK, "secondMs": 0})  # it has rung for its 30 seconds
    ringing = await line.ring(alice)

    told = [(await line.deliver(ringing)).json for _ in range(2)]

    assert told == [{"results": ["missed"]}] * 2
    [call] = await line.calls()
    assert (call["state"], call["reason"]["code"]) == ("disconnected", 404)
    assert call["endedAt"]
    seen = (await line.manager.ask(f"/calls/{call['id']}")).json
    assert seen["caller"] == alice.id
    assert "answeredBy" not in seen


async def test_a_caller_has_so_many_calls_to_bots_at_a_time(
    line: Line, acs: Control, start_host: StartHost, people: People, alice: Person
) -> None:
    host = await start_host(MAX_CALLS_PER_CALLER="2")
    there = line.at(host)
    [bob] = people(host, "bob")
    await acs.put("farEnds", {**QUICK, "playMs": 60_000})
    calls, before = [await line.ring(alice) for _ in range(3)], await line.asked()

    told = [(await there.deliver(one)).json["results"] for one in (*calls, calls[2])]
    bobs = await there.deliver(await line.ring(bob))
    await line.does(calls[0], "hangUp", alice)
    async with asyncio.timeout(DONE_SECONDS):
        while [call["state"] for call in await there.calls()].count("disconnected") < 2:
            await asyncio.sleep(0.02)
    after = await there.deliver(await line.ring(alice))

    assert told == [["answered"], ["answered"], ["busy"], ["missed"]]
    assert (bobs.json["results"], after.json["results"]) == (["answered"], ["answered"])
    assert await line.in_acs(calls[2]) == []
    requests = await line.asked() - before
    assert (requests["answerCall"], requests["rejectCall"]) == (or_more(4), or_more(1))


async def test_a_slow_delivery_does_not_pass_the_limit(
    line: Line, acs: Control, start_host: StartHost, tables: TableProxy, table_faults: Control,
    alice: Person,
) -> None:  # fmt: skip
    host = await start_host(
        MAX_CALLS_PER_CALLER="1",
        TABLES_CONNECTION_STRING=tables.connection_string,
        UPSTREAM_TIMEOUT_SECONDS="60",
    )
    there = line.at(host)
    await acs.put("farEnds", {**QUICK, "playMs": 60_000})
    slow, quick = [await line.ring(alice) for _ in range(2)]
    fault = await table_faults.fault("batch", hold="before", times=1)
    telling = asyncio.create_task(there.deliver(slow))
    await table_faults.held(fault)

    told = await there.deliver(quick)
    await table_faults.release(fault)

    assert told.json == {"results": ["answered"]}
    assert (await telling).json == {"results": ["busy"]}


async def test_event_grid_is_proven_by_entra_too(
    line: Line, stack: Stack, start_host: StartHost, acs: Control, alice: Person
) -> None:
    """The stack's issuer stands in for Entra: it signs what Entra would say, in both versions."""
    host = await start_host(
        EVENT_GRID_KEY="",
        EVENT_GRID_AUDIENCE="api://bots",
        EVENT_GRID_TENANT=TENANT_ID,
        EVENT_GRID_JWKS_URL=f"{stack.issuer.url}/jwks",
    )
    there, url = line.at(host), f"{host.api}/incomingCalls"
    ringing = await line.ring("4:+14255550123")
    first = {"iss": f"https://sts.windows.net/{TENANT_ID}/", "appid": EVENT_GRID}
    second = {"iss": f"https://login.microsoftonline.com/{TENANT_ID}/v2.0", "azp": EVENT_GRID}

    def proof(**claims: object) -> dict[str, str]:
        token = stack.token("event grid", **{"aud": "api://bots", **claims})
        return {"Authorization": f"Bearer {token}"}

    for version, app in ((first, "appid"), (second, "azp")):
        before = len(await there.calls())
        await acs.put("eventSubscription", {"url": url, "headers": proof(**version)})
        await line.ring(alice, END)
        async with asyncio.timeout(DONE_SECONDS):
            while len(await there.calls()) == before:
                await asyncio.sleep(0.02)
        for headers in (
            PROOF,
            proof(**{**version, "aud": "api://trusted-service"}),
            proof(**{**version, "iss": stack.issuer.url}),
            proof(**{**version, "exp": int(time.time()) - 3600}),
            proof(**{**version, app: "11111111-0000-4000-8000-000000000000"}),
        ):
            refused = await there.deliver(ringing, headers=headers)
            assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
