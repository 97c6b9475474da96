"""Our requests to Table Storage against Microsoft's SDK: both write, read and raise the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from shared.stored_rows import CommonValues, Row, Value
from shared.table_api import Parameter
from shared.tables import CALLS, INTENTS
from shared.upstream.failures import NotSent
from tests.project.wire_and_sdk import (
    AT,
    KEYS,
    PARTITION,
    VALUES,
    Pair,
    api_of,
    failure,
    pair_of,
)
from tests.support.ports import free_port
from tests.support.stack import Stack
from tests.support.storage import sdk_entity, sdk_row

pytestmark = pytest.mark.emulators

type Ask = Callable[[], Awaitable[object]]


@pytest.fixture
async def both(stack: Stack) -> AsyncIterator[Pair]:
    async with pair_of(stack) as pair:
        yield pair


@pytest.mark.parametrize("key", KEYS)
async def test_keys_mean_the_same_row(both: Pair, key: str) -> None:
    etag = await both.wire.insert(PARTITION, key, {"by": "wire"})
    stored = await both.read(key)
    assert (stored.row_key, stored.etag) == (key, etag)

    await both.sdk.delete_entity(PARTITION, key)
    await both.sdk.create_entity(sdk_entity(PARTITION, key, {"by": "SDK"}))
    assert (await both.read(key)).values == {"by": "SDK"}

    await both.wire.delete(PARTITION, key)
    assert await failure(both.wire.get(PARTITION, key)) == (404, "ResourceNotFound")


async def test_values_are_stored_and_read_the_same(both: Pair) -> None:
    chance = random.Random(18)
    for n, value in enumerate([*VALUES, *VALUES]):
        others = {f"other{i}": chance.choice(VALUES[:4] + VALUES[7:]) for i in range(3)}
        values = {"one": value, **others}
        by_wire, by_sdk = f"wire {n}", f"sdk {n}"
        await both.wire.insert(PARTITION, by_wire, values)
        await both.sdk.create_entity(sdk_entity(PARTITION, by_sdk, values))

        first, second = await both.read(by_wire), await both.read(by_sdk)

        assert first.values == second.values == values


async def test_values_of_many_rows_are_stored_in_each(both: Pair) -> None:
    """Their JSON is made once."""
    several = {f"value{n}": value for n, value in enumerate(VALUES) if value != "x" * 32_000}
    for values in (several, {}):
        common = CommonValues(values)
        for key in ("first", "it's second"):
            await both.wire.upsert(PARTITION, key, common)
            assert (await both.read(key)).values == values


async def test_changes_do_the_same(both: Pair) -> None:
    before: dict[str, Value] = {"kept": 2**40, "changed": "old"}
    for name, merge in (("merge", True), ("replace", False)):
        rows = {}
        for who in ("wire", "sdk"):
            await both.wire.upsert(PARTITION, f"{name} {who}", before)
            rows[who] = await both.read(f"{name} {who}")
        await both.wire.update(rows["wire"], {"changed": 0.5}, merge=merge)
        await both.sdk.update_entity(
            sdk_entity(PARTITION, f"{name} sdk", {"changed": 0.5}),
            mode=UpdateMode.MERGE if merge else UpdateMode.REPLACE,
            etag=rows["sdk"].etag,
            match_condition=MatchConditions.IfNotModified,
        )
        by_wire, by_sdk = await both.read(f"{name} wire"), await both.read(f"{name} sdk")
        assert by_wire.values == by_sdk.values
        assert by_wire.values == ({**before, "changed": 0.5} if merge else {"changed": 0.5})
        stale = rows["wire"]
        refused = await failure(both.wire.update(stale, {}, merge=merge))
        entity = sdk_entity(PARTITION, stale.row_key, {})
        condition: Mapping[str, Any] = {
            "etag": stale.etag,
            "match_condition": MatchConditions.IfNotModified,
        }
        assert refused == await failure(both.sdk.update_entity(entity, **condition))
        assert refused == (412, "UpdateConditionNotSatisfied")
        assert refused == await failure(both.wire.delete(PARTITION, stale.row_key, stale.etag))


async def test_failures_are_told_the_same(both: Pair, stack: Stack) -> None:
    never = Row(PARTITION, "never", {}, 'W/"never"')
    await both.wire.insert(PARTITION, "there", {})
    wire, sdk, large = both.wire, both.sdk, {"a": "x" * 40_000}
    pairs: dict[str, tuple[Ask, Ask]] = {
        "missing": (
            lambda: wire.get(PARTITION, "never"),
            lambda: sdk.get_entity(PARTITION, "never"),
        ),
        "taken": (
            lambda: wire.insert(PARTITION, "there", {}),
            lambda: sdk.create_entity(sdk_entity(PARTITION, "there", {})),
        ),
        "gone": (
            lambda: wire.update(never, {}, merge=True),
            lambda: sdk.update_entity(sdk_entity(PARTITION, "never", {})),
        ),
        "too large": (
            lambda: wire.insert(PARTITION, "large", large),
            lambda: sdk.create_entity(sdk_entity(PARTITION, "large", large)),
        ),
        "bad filter": (
            lambda: wire.query("nonsense eq", {}, 5),
            lambda: anext(aiter(sdk.query_entities("nonsense eq"))),
        ),
    }
    for name, (by_wire, by_sdk) in pairs.items():
        ours, of_sdk = await failure(by_wire()), await failure(by_sdk())
        assert ours[0] == of_sdk[0], name
        assert of_sdk[1] in (ours[1], "no code"), name  # the SDK leaves some out


@pytest.mark.parametrize(
    ("table", "key", "told"),
    [
        (INTENTS, "AccountKey=QUJD", (403, "AuthorizationFailure")),
        ("nowhere", "AccountKey=", (404, "TableNotFound")),
    ],
)
async def test_a_wrong_key_and_a_missing_table_are_told_the_same(
    stack: Stack, table: str, key: str, told: tuple[int, str]
) -> None:
    connection = stack.settings["TABLES_CONNECTION_STRING"].replace("AccountKey=", key)
    async with api_of(stack, table, connection) as api:
        by_wire = await failure(api.get(PARTITION, "there"))
        by_sdk = await failure(api.sdk.get_entity(PARTITION, "there"))

    assert by_wire == by_sdk
    assert by_wire == told


async def test_queries_find_the_same(both: Pair) -> None:
    await asyncio.gather(
        *(
            both.wire.insert(
                PARTITION,
                f"row {n:02}",
                {
                    "n": n,
                    "at": AT,
                    "who": "it's" if n % 2 else "me",
                },
            )
            for n in range(25)
        )
    )
    wanted: tuple[tuple[str, dict[str, Parameter]], ...] = (
        ("PartitionKey eq @p and who eq @who", {"who": "it's"}),
        ("PartitionKey eq @p and n ge @n", {"n": 7}),
        ("PartitionKey eq @p and at le @at", {"at": AT}),
        ("PartitionKey eq @p and RowKey gt @after", {"after": "row 11' or RowKey ne '"}),
        ("PartitionKey eq @p", {}),
    )
    for text, more in wanted:
        parameters: dict[str, Parameter] = {"p": PARTITION, **more}
        for most in (1000, 4):
            rows, after = await both.wire.query(text, parameters, most)
            while after:
                page, after = await both.wire.query(text, parameters, most, after)
                rows += page
            options: Any = {"parameters": parameters, "results_per_page": most}
            by_sdk = [sdk_row(row) async for row in both.sdk.query_entities(text, **options)]
            assert rows == by_sdk, text


async def test_a_query_reads_only_the_values_that_are_asked_for(both: Pair) -> None:
    long = 2**40
    for n in range(3):
        await both.wire.insert(PARTITION, f"row {n}", {"seq": long + n, "at": AT, "who": "me"})
    await both.wire.insert(PARTITION, "row 3", {"seq": long + 3})
    wanted = "PartitionKey eq @p and seq gt @seq"

    rows, _ = await both.wire.query(wanted, {"p": PARTITION, "seq": long}, 9, None, ("who",))

    assert [(row.row_key, row.values) for row in rows] == [
        ("row 1", {"who": "me"}),
        ("row 2", {"who": "me"}),
        ("row 3", {}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "AccountName=acct;AccountKey=QUJD",
        "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=QUJD;EndpointSuffix=core.chinacloudapi.cn",
        "AccountName=acct;AccountKey=QUJD;TableEndpoint=https://acct.table.example.com/",
        "AccountName=acct;AccountKey=QUJD;TableEndpoint=http://127.0.0.1:10002/acct",
        "SharedAccessSignature=sv=2019-02-02&sig=a%2Bb%3D;TableEndpoint=https://acct.table.example.com",
    ],
)
async def test_a_connection_string_means_the_same_address(stack: Stack, text: str) -> None:
    async with api_of(stack, CALLS, text) as api:
        address = api.address
        assert api.sdk.url.partition("?")[0].rstrip("/") == f"{address.origin}{address.path}"
        assert address.account in (api.sdk.account_name, "")


async def test_a_signature_is_part_of_the_address(stack: Stack) -> None:
    """Azurite takes the signatures that it made itself; here both send the one that they have."""
    asked = []

    async def note(request: web.Request) -> web.Response:
        asked.append((request.path, sorted(request.query.items())))
        return web.Response(status=404)

    server = TestServer(web.Application())
    server.app.router.add_route("*", "/{_:.*}", note)
    async with server:
        signature = "sv=2019-02-02&ss=t&sig=a%2Bb%3D"
        text = f"SharedAccessSignature={signature};TableEndpoint={server.make_url('/account')}"
        async with api_of(stack, CALLS, text) as api:
            await failure(api.get("a'b c", "d"))
            await failure(api.sdk.get_entity("a'b c", "d"))

    by_wire, by_sdk = asked
    assert by_wire == by_sdk
    assert ("sig", "a+b=") in by_wire[1]


async def test_a_storage_that_cannot_be_reached_was_not_asked(stack: Stack) -> None:
    text = f"AccountName=a;AccountKey=QUJD;TableEndpoint=http://127.0.0.1:{free_port()}/a"
    async with api_of(stack, CALLS, text) as api:
        with pytest.raises(NotSent):
            await api.get("a", "b")
