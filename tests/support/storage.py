"""What requests ask of storage, and rows that get there without any request."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.data.tables import EdmType, EntityProperty, TableEntity
from azure.data.tables.aio import TableClient

from shared.friends.rows import Decision, Friendship, Profile
from shared.identity.rows import Identity, identity_of
from shared.keys import milliseconds, principal_key
from shared.principals import Kind, Principal
from shared.settings import load
from shared.sharing.rows import (
    RECORD_ROW,
    CallKind,
    Consent,
    Content,
    Host,
    Role,
    SharedCallRecord,
    call_key,
)
from shared.stored_rows import Row, Value, is_long
from shared.table_api import TableApi
from shared.tables import ALL, FRIENDS, IDENTITIES, INVITATIONS, SHARED_CALLS
from shared.upstream.clients import Upstream
from tests.support.api import Reply
from tests.support.kills import Step
from tests.support.people import Person
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy

type Kill = Callable[[Step, Awaitable[Reply]], Awaitable[None]]
type KillEach = Callable[[Iterable[tuple[Step, Awaitable[Reply]]]], Awaitable[None]]

# Of rows in one request, and of requests at a time.
BATCH, AT_ONCE = 100, 64


async def cost(tables: TableProxy, request: Awaitable[Reply], status: int) -> Counter[str]:
    """What the request, which is answered with this status, asks of storage."""
    tables.requests.clear()
    reply = await request
    assert reply.status == status, reply
    return Counter(tables.requests)


async def every_step(tables: TableProxy, request: Awaitable[Reply]) -> list[Step]:
    """All that the request asks of storage; of a read, the moment before it is the one after, too.

    Each test kills one host at every step, for a host takes longer to start than all the rest.
    """
    tables.requests.clear()
    assert (await request).status < 300
    return [
        Step("tables", operation, skip, moment)
        for operation, number in tables.requests.items()
        for skip in range(number)
        for moment in (("before",) if operation in ("get", "query") else ("before", "after"))
    ]


@asynccontextmanager
async def table(stack: Stack, name: str) -> AsyncIterator[TableClient]:
    """A table of the stack, past the proxy that counts."""
    async with TableClient.from_connection_string(
        stack.values["tablesConnectionString"], name
    ) as client:
        yield client


def azurite_clients(stack: Stack, upstream: Upstream) -> dict[str, TableApi]:
    """A client of each table of the stack, as the service has."""
    settings = load(stack.settings).upstream
    return {name: TableApi(name, settings, upstream) for name in ALL}


def sdk_row(entity: TableEntity) -> Row:
    """The row that Microsoft's SDK has read."""
    values = {
        name: value.value if isinstance(value, EntityProperty) else value
        for name, value in entity.items()
        if name not in ("PartitionKey", "RowKey")
    }
    return Row(entity["PartitionKey"], entity["RowKey"], values, str(entity.metadata["etag"]))


def sdk_entity(partition_key: str, row_key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """An entity for Microsoft's SDK, which takes integers of over 32 bits only with their type."""
    return {
        "PartitionKey": partition_key,
        "RowKey": row_key,
        **{
            name: EntityProperty(value, EdmType.INT64) if is_long(value) else value
            for name, value in values.items()
        },
    }


def mapping_key(stack: Stack, user: str) -> str:
    """The partition of a user of the stack's issuer."""
    return principal_key(Principal(Kind.USER, stack.values["issuer"], user))


async def spares(stack: Stack, user: str) -> list[str]:
    """The identities that were made for a user and wait to be mapped or deleted."""
    partition = {"partition": mapping_key(stack, user)}
    async with table(stack, IDENTITIES) as rows:
        found = rows.query_entities("PartitionKey eq @partition", parameters=partition)
        return [str(row["communicationUserId"]) async for row in found if "id" not in row]


async def stored(stack: Stack, person: Person) -> Identity:
    """The person's mapping, straight from storage."""
    key = {"key": mapping_key(stack, person.id)}
    async with table(stack, IDENTITIES) as rows:
        found = rows.query_entities("PartitionKey eq @key", parameters=key)
        return identity_of(sdk_row(await anext(found)))


async def store_friends(
    stack: Stack, person: Person, number: int, *, mirrored: int | None = None
) -> list[str]:
    """Store accepted friendships of a known person with others, who were never here themselves.

    Args:
        mirrored: of how many the other row is stored too, each of which is another partition; by
            default of all.

    Returns:
        The ids of the others, those with both rows first.
    """
    identity = await stored(stack, person)
    own, seq = Profile.of(identity), milliseconds(datetime.now(UTC))
    owner = identity.row.partition_key
    names = [f"friend {n} of {person.id}" for n in range(number)]
    keys = {name: mapping_key(stack, name) for name in names}

    def entity(owner: str, friend: str, name: str, profile: Profile) -> dict[str, Any]:
        said = Friendship(owner, friend, name, Decision.YES, seq, Decision.YES, seq, profile)
        return sdk_entity(owner, friend, said.values())

    gate = asyncio.Semaphore(AT_ONCE)
    async with table(stack, FRIENDS) as rows:

        async def mirror(name: str) -> None:
            async with gate:
                await rows.create_entity(entity(keys[name], owner, person.id, own))

        await _in_batches(
            rows,
            "create",
            (
                entity(owner, key, name, Profile(seq, name.title(), f"8:acs:{name}", own.resource))
                for name, key in keys.items()
            ),
        )
        await asyncio.gather(*map(mirror, names[:mirrored]))
    return names


async def store_invitations(stack: Stack, person: Person, number: int) -> list[str]:
    """Store so many invitations of the person, and the record of the first to begin.

    Returns:
        The ids of the calls, soonest first.
    """
    me, now = mapping_key(stack, person.id), datetime.now(UTC)
    [friend] = await store_friends(stack, person, 1)
    sharer = Principal(Kind.USER, stack.values["issuer"], friend)

    def record(n: int) -> SharedCallRecord:
        group = f"group {n} for {person.id}"
        content = Content(
            kind=CallKind.GROUP_CALL,
            locator={"groupId": group},
            title=f"Event {n}",
            starts_at=now + timedelta(minutes=n),
            ends_at=None,
            shared_at=now,
            host=Host(sharer.id, "Sharer"),
        )
        call, owner = call_key(sharer, CallKind.GROUP_CALL, group), principal_key(sharer)
        return SharedCallRecord(
            call, "stored", owner, sharer.realm, now, Consent.FRIENDSHIP, content, frozenset({me})
        )

    records = [record(n) for n in range(number)]
    async with table(stack, SHARED_CALLS) as rows:
        await rows.create_entity(sdk_entity(records[0].call_id, RECORD_ROW, records[0].values()))
    async with table(stack, INVITATIONS) as rows:
        listed = ((one.call_id, one.invitation_for(me, Role.INVITEE).values()) for one in records)
        await _in_batches(rows, "create", (sdk_entity(me, *one) for one in listed))
    return [record.call_id for record in records]


async def rows_of(stack: Stack, call: str) -> dict[str, str]:
    """The partitions that show the call, and under which title."""
    async with table(stack, INVITATIONS) as rows:
        found = rows.query_entities("RowKey eq @call", parameters={"call": call})
        return {str(row["PartitionKey"]): row.get("title", "") async for row in found}


async def _in_batches(
    rows: TableClient, operation: str, entities: Iterable[Mapping[str, Any]]
) -> None:
    changes = [(operation, dict(entity)) for entity in entities]
    batches = (changes[first : first + BATCH] for first in range(0, len(changes), BATCH))
    await asyncio.gather(*map(rows.submit_transaction, batches))
