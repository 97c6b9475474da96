"""What each request asks of storage for somebody with one friend, and with five thousand."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from azure.data.tables.aio import TableClient

from shared.friend_rows import Friendship, Profile, Word
from shared.identity_rows import Identity, identity_of, milliseconds, principal_key
from shared.principals import Kind, Principal
from shared.tables import FRIENDS, IDENTITIES, PAGE_ROWS, _entity, _row
from tests.control import Control
from tests.e2e.test_erasure import rows_about
from tests.e2e.test_friends import Person
from tests.stack import Host, Stack, StartHost
from tests.table_proxy import TableProxy

NUMBERS = (1, 100, 1000, 5000)
# Of rows in one request, and of requests at a time.
BATCH, AT_ONCE = 100, 64
# Seconds; the longest that telling everybody may take in the background.
DEADLINE = 60


@pytest.fixture
async def host(start_host: StartHost, tables: TableProxy) -> Host:
    """A host whose storage requests are counted by `tables`."""
    return await start_host(TABLES_CONNECTION_STRING=tables.connection_string)


@pytest.fixture
async def popular(
    client: aiohttp.ClientSession, stack: Stack, host: Host, request: pytest.FixtureRequest
) -> Person:
    """Somebody with an identity, and no friend yet."""
    person = Person(client, host, stack.issuer, f"popular in {request.node.name}", "Popular")
    await person.token()
    return person


@asynccontextmanager
async def table(stack: Stack, name: str) -> AsyncIterator[TableClient]:
    """A table of the stack, past the proxy that counts."""
    async with TableClient.from_connection_string(
        stack.values["tablesConnectionString"], name
    ) as client:
        yield client


async def stored(stack: Stack, person: Person) -> Identity:
    """The person's mapping, straight from storage."""
    async with table(stack, IDENTITIES) as rows:
        found = rows.query_entities("id eq @user", parameters={"user": person.id})
        return identity_of(_row(await anext(found)))


def user(stack: Stack, name: str) -> Principal:
    return Principal(Kind.USER, stack.values["issuer"], name)


async def befriend(stack: Stack, person: Person, number: int, *, mirrored: int) -> list[str]:
    """Store accepted friendships with so many others, who were never here themselves.

    Args:
        mirrored: of how many the other row is stored too, each of which is another partition.

    Returns:
        The ids of the others, those with both rows first.
    """
    identity = await stored(stack, person)
    own, seq = Profile.of(identity), milliseconds(datetime.now(UTC))
    owner = identity.row.partition_key
    assert owner == principal_key(user(stack, person.id))
    names = [f"friend {n} of {person.id}" for n in range(number)]

    def entity(owner: str, friend: str, name: str, profile: Profile) -> dict[str, object]:
        said = Friendship(owner, friend, name, Word.YES, seq, Word.YES, seq, profile)
        return _entity(owner, friend, said.values())

    keys = {name: principal_key(user(stack, name)) for name in names}
    mine = [
        entity(owner, key, name, Profile(seq, name.title(), f"8:acs:{name}", own.resource))
        for name, key in keys.items()
    ]
    gate = asyncio.Semaphore(AT_ONCE)
    async with table(stack, FRIENDS) as rows:
        for first in range(0, number, BATCH):
            batch = mine[first : first + BATCH]
            await rows.submit_transaction([("create", entity) for entity in batch])

        async def mirror(name: str) -> None:
            async with gate:
                await rows.create_entity(entity(keys[name], owner, person.id, own))

        await asyncio.gather(*map(mirror, names[:mirrored]))
    return names


@pytest.mark.parametrize("number", NUMBERS)
async def test_one_friend_costs_the_same_and_a_list_one_query_a_thousand_however_many_there_are(
    stack: Stack, tables: TableProxy, popular: Person, number: int
) -> None:
    names = await befriend(stack, popular, number, mirrored=1)

    # Who am I, my row and the friend's.
    tables.requests.clear()
    resolved = await popular.resolve(names[0])
    assert (resolved.status, resolved.json["communicationUserId"]) == (200, f"8:acs:{names[0]}")
    assert tables.requests == {"get": 3}

    # Who am I, and a page.
    tables.requests.clear()
    listed: list[str] = []
    pages = 0
    query: str | None = ""
    while query is not None:
        page = (await popular.friends(query)).json
        listed += [friend["id"] for friend in page["friends"]]
        assert {friend["communicationUserId"] for friend in page["friends"]} <= {
            f"8:acs:{name}" for name in names
        }
        link, pages = page.get("nextLink"), pages + 1
        query = link and link.removeprefix("/api/friends")
    assert sorted(listed) == sorted(names)
    assert pages == math.ceil(number / PAGE_ROWS)
    assert tables.requests == {"get": pages, "query": pages}

    # How many are unanswered, before and after; a row for each of the two.
    tables.requests.clear()
    assert (await popular.add(f"stranger of {popular.id}")).status == 201
    assert tables.requests == {"get": 5, "query": 2, "insert": 2}


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_new_name_costs_a_read_and_a_write_for_each_friend_and_the_token_does_not_wait(
    stack: Stack, tables: TableProxy, popular: Person, number: int
) -> None:
    await befriend(stack, popular, number, mirrored=number)

    tables.requests.clear()
    answered = await popular.renamed("Renamed")

    assert answered.status == 200
    if number == max(NUMBERS):
        assert tables.requests["update"] < number
    async with asyncio.timeout(DEADLINE):
        while not (identity := await stored(stack, popular)).told:
            await asyncio.sleep(0.05)
    # Besides: who am I, the new name, the note that all know.
    assert tables.requests == {
        "get": 1 + number,
        "update": 2 + number,
        "query": math.ceil(number / PAGE_ROWS),
    }
    async with table(stack, FRIENDS) as rows:
        told = rows.query_entities(
            "RowKey eq @key and theirsName eq 'Renamed'",
            parameters={"key": identity.row.partition_key},
        )
        versions = [row["theirsVersion"].value async for row in told]
    assert versions == [identity.version] * number


async def test_an_erasure_that_runs_out_of_time_is_finished_by_its_repetitions(
    stack: Stack,
    start_host: StartHost,
    tables: TableProxy,
    table_faults: Control,
    popular: Person,
) -> None:
    identity = await stored(stack, popular)
    await befriend(stack, popular, 1000, mirrored=1000)
    popular.host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="3"
    )
    await table_faults.fault("remove", hold="before", times=1)  # until who asks has given up

    refused = 0
    async with asyncio.timeout(DEADLINE):
        while (answer := await popular.forget()).status != 204:
            assert (answer.status, answer.json["code"]) == (503, "timed-out")
            refused += 1

    assert refused > 0
    assert rows_about(stack, popular.id, identity.communication_user_id) == []
    owner = {"key": identity.row.partition_key}
    async with table(stack, FRIENDS) as rows:
        left = rows.query_entities("PartitionKey eq @key or RowKey eq @key", parameters=owner)
        assert [row async for row in left] == []
