"""The platform changes requests on their way; the answers are right all the same."""

import gzip
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from devstack.well_known import EVENT_KEY
from tests.support.api import ask
from tests.support.people import People
from tests.support.stack import Host

TOO_LITTLE = b'{"audience": {"friends": true}}'


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for number in range(len(body)):
        yield body[number : number + 1]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/groupCalls"), ("POST", "/token"), ("POST", "/incomingCalls")]
)
async def test_compressed_bodies_and_bodies_in_chunks_are_refused_as_what_they_are(
    one_host: Host, client: aiohttp.ClientSession, people: People, method: str, path: str
) -> None:
    [alice] = people(one_host, "alice")
    headers = {
        "Authorization": f"Bearer {alice.bearer}",
        "X-Event-Grid-Key": EVENT_KEY,
        "Content-Type": "application/json",
    }

    async def sent(data: object, **more: str) -> tuple[int, str, str]:
        async with client.request(
            method, f"{one_host.api}{path}", data=data, headers={**headers, **more}
        ) as answer:
            problem = await answer.json(content_type="application/problem+json")
            return answer.status, problem["code"], answer.headers["Cache-Control"]

    zipped = await sent(gzip.compress(TOO_LITTLE), **{"Content-Encoding": "gzip"})
    assert zipped == (415, "body-encoded", "no-store")
    assert await sent(in_chunks(TOO_LITTLE)) == (411, "length-required", "no-store")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/token?scope=", ["scope.0"]),
        ("/token?expiresInMinutes=", ["expiresInMinutes"]),
        ("/token?expiresInMinutes", ["expiresInMinutes"]),
        ("/token?nonsense=", ["nonsense"]),
        ("/token?Scope=voip", ["Scope"]),
        ("/friends?state=", ["state"]),
        ("/user?x", ["x"]),
        ("/health?x=", ["x"]),
    ],
)
async def test_an_empty_value_in_the_query_is_judged_as_a_value(
    one_host: Host,
    client: aiohttp.ClientSession,
    people: People,
    path: str,
    fields: list[str],
) -> None:
    [alice] = people(one_host, "alice")
    reply = await ask(client, one_host, path, alice.bearer)

    assert reply.status == 400, json.dumps(reply.json)
    assert [fault["field"] for fault in reply.json["errors"]] == fields
