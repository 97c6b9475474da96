"""The stub stands in for Azure: Microsoft's own client of tables takes it for the real service."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import EdmType, EntityProperty, TableTransactionError
from azure.data.tables.aio import TableClient

from benchmarks.bench import Bench, Setting, StubProcess
from benchmarks.processes import choose_cores

pytestmark = pytest.mark.emulators

ENTITY = {
    "PartitionKey": "p",
    "RowKey": "0",
    "text": "it's",
    "long": EntityProperty(2**40, EdmType.INT64),
    "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "flag": True,
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("bench")
    return Bench(folder, choose_cores(), seconds=1, warm_up=0, show=print)


@pytest.fixture(scope="module")
def stub(bench: Bench) -> Iterator[StubProcess]:
    with bench.stub(Setting()) as process:
        process.process.wait_until_open()
        yield process


@pytest.fixture
async def table(
    bench: Bench, stub: StubProcess, request: pytest.FixtureRequest
) -> AsyncIterator[TableClient]:
    """A table that no other test has."""
    name = "".join(filter(str.isalnum, request.node.name))
    connection = bench.settings(Setting(), stub)["TABLES_CONNECTION_STRING"]
    async with TableClient.from_connection_string(connection, name) as client:
        yield client


async def test_an_entity_is_read_as_it_was_written(table: TableClient) -> None:
    await table.create_entity(ENTITY)

    read = await table.get_entity("p", "0")

    assert (read["text"], read["flag"], read["at"]) == ("it's", True, ENTITY["at"])
    assert read["long"] == ENTITY["long"]
    with pytest.raises(ResourceExistsError):
        await table.create_entity(ENTITY)
    with pytest.raises(ResourceNotFoundError):
        await table.get_entity("p", "1")


async def test_a_change_needs_the_version_that_was_read(table: TableClient) -> None:
    await table.create_entity(ENTITY)
    etag = (await table.get_entity("p", "0")).metadata["etag"]
    change = {"PartitionKey": "p", "RowKey": "0", "flag": False}
    condition = MatchConditions.IfNotModified

    await table.update_entity(change, etag=etag, match_condition=condition)

    read = await table.get_entity("p", "0")
    assert (read["text"], read["flag"]) == ("it's", False)
    with pytest.raises(ResourceModifiedError):
        await table.update_entity(change, etag=etag, match_condition=condition)


async def test_a_query_comes_in_pages(table: TableClient) -> None:
    for number in range(5):
        await table.create_entity({"PartitionKey": "p", "RowKey": str(number), "even": number % 2})
    await table.create_entity({"PartitionKey": "q", "RowKey": "0", "even": 0})

    found = table.query_entities("PartitionKey eq 'p' and RowKey gt '0' and even eq 1")
    pages = table.query_entities("PartitionKey eq 'p'", results_per_page=2).by_page()

    assert [row["RowKey"] async for row in found] == ["1", "3"]
    assert [[row["RowKey"] async for row in page] async for page in pages] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
    ]


async def test_a_query_compares_what_it_knows_and_refuses_the_rest(table: TableClient) -> None:
    for number in range(3):
        row = {"PartitionKey": "p", "RowKey": str(number), "live": number > 0, "by": "a and b"}
        await table.create_entity(row)

    found = table.query_entities("PartitionKey eq 'p' and ( live eq true or RowKey lt '0' )")

    assert [row["RowKey"] async for row in found] == ["1", "2"]
    for unknown in ("not (live eq true)", "number gt 4L", "startswith(by, 'a')"):
        with pytest.raises(HttpResponseError, match="NotImplemented"):
            await anext(aiter(table.query_entities(unknown)))


async def test_a_query_answers_the_values_that_it_selects(table: TableClient) -> None:
    await table.create_entity(ENTITY)

    found = table.query_entities("PartitionKey eq 'p'", select=["at", "long", "never"])

    assert [dict(row) async for row in found] == [
        {"at": ENTITY["at"], "long": ENTITY["long"], "never": None}
    ]


async def test_a_transaction_is_done_whole_or_not_at_all(table: TableClient) -> None:
    first, second = ({"PartitionKey": "p", "RowKey": key} for key in "ab")
    await table.submit_transaction([("create", first)])

    with pytest.raises((TableTransactionError, ResourceExistsError)):
        await table.submit_transaction([("create", second), ("create", first)])
    assert [row["RowKey"] async for row in table.list_entities()] == ["a"]

    written = await table.submit_transaction([("create", second), ("delete", first)])
    assert [row["RowKey"] async for row in table.list_entities()] == ["b"]
    assert written[0]["etag"] == (await table.get_entity("p", "b")).metadata["etag"]


def test_requests_are_counted(stub: StubProcess) -> None:
    before = stub.storage_requests()

    status, _ = stub.process.ask(b"GET /bench/any(PartitionKey='p',RowKey='r') HTTP/1.1\r\n\r\n")

    assert (status, stub.storage_requests() - before) == (404, 1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_the_load_knows_how_many_requests_it_has_sent(bench: Bench, stub: StubProcess) -> None:
    """Also of those whose answers it does not wait for."""
    before = stub.storage_requests()
    query = b"GET /bench/any()?$filter=PartitionKey%20eq%20'p' HTTP/1.1\r\nHost: stub\r\n\r\n"

    result = bench.send(stub.process, [query], connections=4)

    stub.process.wait_until_idle()
    assert result.requests <= result.sent <= result.requests + 4
    assert stub.storage_requests() - before == result.sent


def test_bearer_tokens_are_kept_for_the_next_run(bench: Bench, tmp_path: Path) -> None:
    first = Bench(tmp_path, choose_cores(), seconds=1, warm_up=0, show=print).with_people(3)
    second = Bench(tmp_path, choose_cores(), seconds=1, warm_up=0, show=print).with_people(2)

    assert [first.bearer(n) for n in range(3)] == [second.bearer(n) for n in range(3)]
    assert "d" not in json.loads(first.key_set.read_text())["keys"][0]
