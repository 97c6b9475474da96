"""A few of the requests that the other tests here send to functions, sent to a host."""

import aiohttp
import pytest
import yarl

from tests.fuzz.test_fuzz import UNDERSTOOD
from tests.fuzz.test_large_requests import JSON_SHAPES, KIB, TOKENS
from tests.support.stack import Host, Stack

BODIES = {name: make(100 * KIB) for name, make in JSON_SHAPES.items()}
SEGMENTS = ["~", "~____", "%00", "%FF", "~%2B", "a" * 4000, "%25", "'or'1'eq'1"]


async def is_alive(client: aiohttp.ClientSession, host: Host) -> bool:
    async with client.get(f"{host.api}/health") as answer:
        return answer.status == 200


async def test_no_token_brings_a_host_down(one_host: Host, client: aiohttp.ClientSession) -> None:
    statuses = set()
    for token in TOKENS.values():
        headers = {"Authorization": f"Bearer {token[: 12 * KIB]}"}
        async with client.get(f"{one_host.api}/user", headers=headers) as answer:
            statuses.add(answer.status)

    assert statuses == {401}
    assert await is_alive(client, one_host)


@pytest.mark.parametrize("path", ["groupCalls", "callEvents/x", "incomingCalls"])
async def test_no_body_brings_a_host_down(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, path: str
) -> None:
    headers = {"Content-Type": "application/json"}
    headers["Authorization"] = f"Bearer {stack.token('fuzz')}"
    statuses = set()
    for body in BODIES.values():
        async with client.post(f"{one_host.api}/{path}", headers=headers, data=body) as answer:
            statuses.add(answer.status)

    assert statuses <= {400, 401}
    assert await is_alive(client, one_host)


async def test_no_path_and_no_query_brings_a_host_down(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": f"Bearer {stack.token('fuzz')}", "Accept": ";q=,*/*;q=2," * 50}
    statuses = set()
    for path in ("friends", "bots", "invitations", "calls"):
        for segment in SEGMENTS:
            url = yarl.URL(f"{one_host.api}/{path}/{segment}?{segment}", encoded=True)
            async with client.get(url, headers=headers) as answer:
                statuses.add(answer.status)

    assert statuses <= UNDERSTOOD
    assert await is_alive(client, one_host)
