"""Faults on demand, by the emulator that they were made for."""

import asyncio
import time
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, acs, emulator, issuer

__all__ = ["acs", "emulator", "issuer"]


async def created(acs: AcsCaller) -> int:
    count: int = (await acs.state())["created"]
    return count


async def until_held(acs: AcsCaller, fault: str, number: int = 1) -> None:
    answer = await acs.inspect("GET", f"faults/{fault}/wait?held={number}&timeoutMs=10000")
    assert answer.status == 200


async def listed(acs: AcsCaller, fault: str) -> Any:
    faults = (await acs.inspect("GET", "faults")).json["faults"]
    return next(f for f in faults if f["id"] == fault)


async def test_a_status_is_answered_instead_of_the_effect(acs: AcsCaller) -> None:
    before = await created(acs)
    await acs.add_fault(operation="create", status=429, retryAfter=7, times=1)

    refused = await acs.call("POST", "/identities")
    accepted = await acs.call("POST", "/identities")

    assert (refused.status, refused.headers["retry-after"]) == (429, "7")
    assert refused.json["error"]["code"] == "TooManyRequests"
    assert accepted.status == 201
    assert await created(acs) == before + 1


async def test_a_fault_may_say_what_it_likes(acs: AcsCaller) -> None:
    html = "<h2>Our services aren't available right now</h2>"
    await acs.add_fault(operation="*", status=503, body=html, times=1)
    await acs.add_fault(
        operation="*", status=500, body={"error": {"code": "Mine"}}, retryAfter="soon", times=1
    )
    await acs.add_fault(operation="*", status=599, times=1)

    gateway = await acs.call("POST", "/identities")
    own = await acs.call("POST", "/identities")
    unknown = await acs.call("POST", "/identities")

    assert gateway.text == html
    assert (own.json, own.headers["retry-after"]) == ({"error": {"code": "Mine"}}, "soon")
    assert unknown.error[:2] == (599, "599")


async def test_a_fault_is_for_its_operation_until_it_is_removed(acs: AcsCaller) -> None:
    identity = await acs.create()
    fault = await acs.add_fault(operation="delete", status=500)

    assert (await acs.call("POST", "/identities")).status == 201
    for _ in range(3):
        assert (await acs.call("DELETE", f"/identities/{quote(identity)}")).status == 500
    assert (await listed(acs, fault)) == {
        "id": fault,
        "operation": "delete",
        "status": 500,
        "hits": 3,
        "held": 0,
    }
    assert (await acs.inspect("DELETE", f"faults/{fault}")).status == 204
    assert (await acs.call("DELETE", f"/identities/{quote(identity)}")).status == 204


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_dropped_request_gets_no_answer(
    acs: AcsCaller, when: str, effects: int, tls: bool
) -> None:
    before = await created(acs)
    await acs.add_fault(operation="create", drop=when, times=1)

    with pytest.raises(aiohttp.ClientConnectionError):
        await acs.call("POST", "/identities", tls=tls)

    assert await created(acs) == before + effects


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
async def test_a_held_request_waits_until_it_is_released(
    acs: AcsCaller, when: str, effects: int
) -> None:
    before = await created(acs)
    fault = await acs.add_fault(operation="create", hold=when)
    async with asyncio.TaskGroup() as group:
        requests = [group.create_task(acs.call("POST", "/identities")) for _ in range(3)]
        await until_held(acs, fault, 3)

        assert await created(acs) == before + 3 * effects
        assert (await listed(acs, fault))["held"] == 3
        released = await acs.inspect("POST", f"faults/{fault}/release")

    assert released.json == {"released": 3}
    assert [request.result().status for request in requests] == [201, 201, 201]
    assert await created(acs) == before + 3
    assert (await acs.inspect("GET", "faults")).json == {"faults": []}


@pytest.mark.parametrize("path", ["faults", "faults/{id}"])
async def test_removing_a_fault_releases_what_it_holds(acs: AcsCaller, path: str) -> None:
    fault = await acs.add_fault(operation="create", hold="before")
    async with asyncio.TaskGroup() as group:
        request = group.create_task(acs.call("POST", "/identities"))
        await until_held(acs, fault)
        await acs.inspect("DELETE", path.format(id=fault))

    assert request.result().status == 201


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("tls", [False, True])
async def test_who_leaves_while_held_before_leaves_nothing_behind(
    acs: AcsCaller, when: str, effects: int, tls: bool
) -> None:
    before = await created(acs)
    fault = await acs.add_fault(operation="create", hold=when)
    request = asyncio.create_task(acs.call("POST", "/identities", tls=tls))
    await until_held(acs, fault)

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    await acs.inspect("POST", f"faults/{fault}/release")

    assert await created(acs) == before + effects


async def test_half_a_request_has_no_effect(acs: AcsCaller) -> None:
    before = await created(acs)
    _, writer = await asyncio.open_connection("127.0.0.1", acs.emulator.port)
    writer.write(b"POST /identities HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    await writer.drain()

    writer.close()
    await writer.wait_closed()

    assert await created(acs) == before


async def test_holding_can_end_in_a_drop_or_in_a_status(acs: AcsCaller) -> None:
    before = await created(acs)
    dropping = await acs.add_fault(operation="create", hold="after", drop="after", times=1)
    failing = await acs.add_fault(operation="create", hold="after", status=500, times=1)
    refusing = await acs.add_fault(operation="create", hold="before", status=503, times=1)

    dropped = asyncio.create_task(acs.call("POST", "/identities"))
    await until_held(acs, dropping)
    failed = asyncio.create_task(acs.call("POST", "/identities"))
    await until_held(acs, failing)
    refused = asyncio.create_task(acs.call("POST", "/identities"))
    await until_held(acs, refusing)
    for fault in (dropping, failing, refusing):
        await acs.inspect("POST", f"faults/{fault}/release")

    with pytest.raises(aiohttp.ClientConnectionError):
        await dropped
    assert (await failed).status == 500
    assert (await refused).status == 503
    assert await created(acs) == before + 2


async def test_a_delayed_request_is_late_and_has_its_effect(acs: AcsCaller) -> None:
    await acs.add_fault(operation="create", delayMs=60, times=1)
    started = time.monotonic()

    answer = await acs.call("POST", "/identities")

    assert answer.status == 201
    assert time.monotonic() - started >= 0.06


async def test_a_share_of_the_requests_is_the_same_for_the_same_seed(acs: AcsCaller) -> None:
    runs = []
    for _ in range(2):
        fault = await acs.add_fault(operation="create", status=500, share=0.5, seed=7)
        runs.append([(await acs.call("POST", "/identities")).status for _ in range(20)])
        await acs.inspect("DELETE", f"faults/{fault}")

    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 500}


async def test_the_oldest_fault_comes_first(acs: AcsCaller) -> None:
    await acs.add_fault(operation="*", status=500, times=1)
    await acs.add_fault(operation="create", status=503, times=1)

    statuses = [(await acs.call("POST", "/identities")).status for _ in range(3)]

    assert statuses == [500, 503, 201]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"operation", ""}),
        ([], {""}),
        ({"operation": "create"}, {""}),
        ({"operation": "call", "status": 500}, {"operation"}),
        (
            {
                "operation": 1,
                "status": "500",
                "retryAfter": -1,
                "delayMs": 1.5,
                "drop": "never",
                "hold": 1,
                "times": 0,
                "share": 1.1,
                "seed": "x",
                "extra": 1,
            },
            {
                *("operation", "status", "retryAfter", "delayMs", "drop", "hold", "times"),
                *("share", "seed", "extra"),
            },
        ),
        ({"operation": "*", "status": 199}, {"status"}),
        ({"operation": "*", "status": 500, "retryAfter": "1\r\nX: y"}, {"retryAfter"}),
        ({"operation": "*", "status": 500, "drop": "after"}, {"drop"}),
        ({"operation": "*", "drop": "before", "hold": "after"}, {"hold"}),
        (
            {"operation": "*", "delayMs": 1, "retryAfter": 1, "body": {}, "seed": 1, "times": 0},
            {"retryAfter", "body", "seed", "times"},
        ),
    ],
)
async def test_every_mistake_in_a_fault_is_named(
    acs: AcsCaller, body: object, fields: set[str]
) -> None:
    answer = await acs.inspect("POST", "faults", body)

    assert answer.status == 400
    assert {error["field"] for error in answer.json["errors"]} == fields
    assert (await acs.inspect("GET", "faults")).json == {"faults": []}


async def test_a_fault_must_be_json(acs: AcsCaller) -> None:
    assert (await acs.send("POST", "/_emulator/faults", b"{")).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "faults/0"), ("POST", "faults/0/release"), ("GET", "faults/0/wait")],
)
async def test_unknown_faults_are_not_found(acs: AcsCaller, method: str, path: str) -> None:
    assert (await acs.inspect(method, path)).status == 404


async def test_waiting_for_held_requests_ends(acs: AcsCaller) -> None:
    fault = await acs.add_fault(operation="create", hold="before")

    answer = await acs.inspect("GET", f"faults/{fault}/wait?held=1&timeoutMs=1")

    assert (answer.status, answer.json) == (408, {"held": 0})
    assert (await acs.inspect("GET", f"faults/{fault}/wait?held=x")).status == 400
