"""The requests to storage of each operation, for a person with one friend, and with five
thousand."""

import asyncio
import math
from collections.abc import Iterator

import pytest

from shared.tables import FRIENDS, PAGE_ROWS
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.costs import cost_of
from tests.support.own_tables import own_tables
from tests.support.people import People, Person
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import cost, store_friends, stored, table
from tests.support.table_proxy import TableProxy

# More than a page holds; `--soak` has more.
NUMBERS = (1, 1001, *(pytest.param(number, marks=pytest.mark.soak) for number in (100, 4999)))
# Seconds; the longest that telling everybody may take in the background.
DEADLINE = 60


@pytest.fixture(scope="module")
def stack(stack: Stack) -> Iterator[Stack]:
    """The stack, with tables of these tests' own: tests that look at all rows would have to read
    these thousands, and to remove them takes as long as everything else."""
    with own_tables(stack) as changed:
        yield changed


@pytest.fixture
async def popular(counted_host: Host, people: People) -> Person:
    """Somebody with an identity, and no friend yet."""
    [person] = people(counted_host, "popular")
    await person.token()
    return person


@pytest.mark.parametrize("number", NUMBERS)
async def test_one_friend_costs_the_same_and_a_list_one_query_a_thousand_however_many_there_are(
    stack: Stack, tables: TableProxy, popular: Person, number: int
) -> None:
    names = await store_friends(stack, popular, number, mirrored=1)

    tables.requests.clear()
    resolved = await popular.resolve(names[0])
    assert (resolved.status, resolved.json["communicationUserId"]) == (200, f"8:acs:{names[0]}")
    assert tables.requests == cost_of("GET /friends/{id}")

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
    page_cost = cost_of("GET /friends, a page of at most 1,000")
    assert tables.requests == {what: pages * count for what, count in page_cost.items()}

    asked = await cost(tables, popular.add(f"stranger of {popular.id}"), 201)
    request_cost = cost_of("PUT /friends/{id}, a request of one with at most 1,000 friends")
    assert asked == {**request_cost, "query": 1 + math.ceil(number / PAGE_ROWS)}


# Of the thousands only some were told before: a row in another partition for each takes long to
# store. Two thousand and one are two full pages and one that is not.
@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1, 1),
        pytest.param(100, 100, marks=pytest.mark.slow),
        pytest.param(1000, 200, marks=pytest.mark.soak),
        pytest.param(2001, 100, marks=pytest.mark.soak),
    ],
)
async def test_a_new_name_costs_a_read_and_a_write_for_each_friend(
    stack: Stack, tables: TableProxy, popular: Person, number: int, told: int
) -> None:
    await store_friends(stack, popular, number, mirrored=told)
    tables.requests.clear()
    answered = await popular.renamed("Renamed")

    assert answered.status == 200
    async with asyncio.timeout(DEADLINE):
        while not (identity := await stored(stack, popular)).is_announced:
            await asyncio.sleep(0.1)
    # The row of a friend who was never told is read, and not written.
    assert tables.requests == {
        **cost_of("GET /token, with another name than N friends know", number),
        "update": 2 + told,
        "query": math.ceil(number / PAGE_ROWS),
    }
    async with table(stack, FRIENDS) as rows:
        found = rows.query_entities(
            "RowKey eq @key and theirsName eq 'Renamed'",
            parameters={"key": identity.row.partition_key},
        )
        versions = [row["theirsVersion"].value async for row in found]
    assert versions == [identity.version] * told


async def test_a_token_does_not_wait_until_all_friends_are_told(
    stack: Stack,
    start_host: StartHost,
    tables: TableProxy,
    table_faults: Control,
    popular: Person,
) -> None:
    await store_friends(stack, popular, 10)
    popular.host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="4"
    )
    await popular.token()  # so that its start is not within the limit
    await table_faults.fault("get", delayMs=0, times=1)  # who am I
    friend = await table_faults.fault("get", hold="before")

    answered = await popular.renamed("Renamed")

    assert answered.status == 200
    await table_faults.held(friend)
    assert not (await stored(stack, popular)).is_announced
    await table_faults.release(friend)
    async with asyncio.timeout(DEADLINE):
        while not (await stored(stack, popular)).is_announced:
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_an_erasure_that_runs_out_of_time_is_finished_by_its_repetitions(
    stack: Stack,
    start_host: StartHost,
    tables: TableProxy,
    table_faults: Control,
    popular: Person,
) -> None:
    identity = await stored(stack, popular)
    await store_friends(stack, popular, 200)  # more than at a time; what is held uses up the time
    popular.host = await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string, UPSTREAM_TIMEOUT_SECONDS="3"
    )
    await table_faults.fault("remove", hold="before")  # until who asks has given up
    gave_up = await popular.forget()
    await table_faults.clear()
    assert (gave_up.status, gave_up.json["code"]) == (503, "timed-out")

    async with asyncio.timeout(DEADLINE):
        while (answer := await popular.forget()).status != 204:
            assert (answer.status, answer.json["code"]) == (503, "timed-out")

    assert rows_about(stack, popular.id, identity.communication_user_id) == []
    owner = {"key": identity.row.partition_key}
    async with table(stack, FRIENDS) as rows:
        left = rows.query_entities("PartitionKey eq @key or RowKey eq @key", parameters=owner)
        assert [row async for row in left] == []
