"""The Table Storage mapping module: safe keys, insert if absent, conditional writes, clear outages.

Domain modules keep their rows' meaning to themselves and go through here for every access.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import EdmType, EntityProperty, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from shared.keys import key
from shared.problems import OPERATOR_RETRY_AFTER, StorageRefused, StorageUnavailable, TableMissing
from shared.upstream.clients import Upstream
from shared.upstream.retries import retry_after, with_retries
from shared.upstream.settings import UpstreamSettings

logger = logging.getLogger(__name__)

IDENTITIES = "identities"
FRIENDS = "friends"
INVITATIONS = "invitations"
SHARED_CALLS = "sharedcalls"
MEETINGS = "meetings"
CALLS = "calls"
# What deployment creates; `python -m shared.operate.provision` does it.
ALL = (IDENTITIES, FRIENDS, INVITATIONS, SHARED_CALLS, MEETINGS, CALLS)
# The most rows that Table Storage gives at once.
PAGE_ROWS = 1000

type Value = str | int | float | bool | datetime


class RowChanged(Exception):
    """Somebody else wrote the row, or removed it, since it was read."""


class RowThere(Exception):
    """A row that was to be inserted is there already."""


@dataclass(frozen=True)
class Row:
    """A stored row. `etag` names the version that was read."""

    partition_key: str
    row_key: str
    values: Mapping[str, Value]
    etag: str


def table_client(settings: UpstreamSettings, upstream: Upstream, name: str) -> TableClient:
    """A client for one table, by key or by managed identity."""
    options = upstream.client_options()
    if settings.tables_connection_string:
        return TableClient.from_connection_string(
            settings.tables_connection_string, table_name=name, **options
        )
    return TableClient(
        settings.tables_endpoint,
        table_name=name,
        credential=upstream.managed_identity,
        **options,
    )


class Table:
    """One table. Every method raises StorageUnavailable where the storage did not do its part:
    then nothing is known about the row."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    async def find(self, partition_key: str, row_key: str) -> Row | None:
        """The row, or None where there is none. One point read."""
        try:
            async with self._errors_as_problems():
                return _row(
                    await with_retries(lambda: self._client.get_entity(partition_key, row_key))
                )
        except _Absent:
            return None

    async def insert_if_absent(
        self, partition_key: str, row_key: str, values: Mapping[str, Value]
    ) -> Row:
        """Store a row unless its key is taken; return the row that stands.

        Callers use the result, not their argument: another writer may have won. The same insert
        may also be found done already, when a retry follows an answer that was lost.
        """
        entity = _entity(partition_key, row_key, values)
        for _ in range(_INSERT_TRIES):
            try:
                async with self._errors_as_problems():
                    written = await with_retries(lambda: self._client.create_entity(entity))
                    return Row(partition_key, row_key, values, str(written["etag"]))
            except ResourceExistsError:
                standing = await self.find(partition_key, row_key)
                if standing is not None:
                    return standing
                # Removed between our two requests: the key is free again.
        raise StorageUnavailable

    async def list_for(
        self, partition_key: str, only: str = "", named: Mapping[str, str] | None = None
    ) -> list[Row]:
        """All rows of one partition, in one query for each 1,000; arguments as for `page`."""
        found, more = await self.page(partition_key, only, named)
        while more:
            rows, more = await self.page(partition_key, only, named, after=found[-1].row_key)
            found += rows
        return found

    async def page(
        self,
        partition_key: str,
        only: str = "",
        named: Mapping[str, str] | None = None,
        *,
        after: str = "",
        most: int = PAGE_ROWS,
    ) -> tuple[list[Row], bool]:
        """Some rows of one partition, by ascending RowKey, and whether there may be more.

        Args:
            only: a filter, with `@name` for what `named` holds; all rows where empty.
            after: a RowKey; the page begins behind it.
            most: rows; there are fewer, but not none, only where storage takes a break.
        """
        filters = ["PartitionKey eq @partition_key", *(["RowKey gt @after"] if after else [])]
        parameters: dict[str, Any] = {
            **(named or {}),
            "partition_key": partition_key,
            "after": after,
        }

        async def ask(token: str | None) -> tuple[list[Row], str | None]:
            pages = self._client.query_entities(
                " and ".join([*filters, *([only] if only else [])]),
                parameters=parameters,
                results_per_page=most,
            ).by_page(token)
            rows = [_row(entity) async for entity in await anext(pages)]
            return rows, getattr(pages, "continuation_token", None)

        async with self._errors_as_problems():
            rows, token = await with_retries(lambda: ask(None))
            while token and not rows:
                rows, token = await with_retries(lambda token=token: ask(token))  # type: ignore[misc]
        return rows, bool(token)

    async def merge(self, row: Row, values: Mapping[str, Value]) -> Row:
        """Change some values of a row that is still as it was read.

        Raises:
            RowChanged: it is not. That may have been this very change, when a retry followed an
                answer that was lost.
        """
        return await self._update(row, values, {**row.values, **values}, UpdateMode.MERGE)

    async def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        """As `merge`, but nothing of the old values stays."""
        return await self._update(row, values, values, UpdateMode.REPLACE)

    async def _update(
        self,
        row: Row,
        written: Mapping[str, Value],
        standing: Mapping[str, Value],
        mode: UpdateMode,
    ) -> Row:
        entity = _entity(row.partition_key, row.row_key, written)
        try:
            async with self._errors_as_problems():
                metadata = await with_retries(
                    lambda: self._client.update_entity(
                        entity,
                        mode=mode,
                        etag=row.etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
                )
        except (_Absent, ResourceModifiedError):
            raise RowChanged from None
        return Row(row.partition_key, row.row_key, standing, str(metadata["etag"]))

    async def put(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> None:
        """Store a row, whatever was there. Last writer wins: the caller makes up for that."""
        entity = _entity(partition_key, row_key, values)
        async with self._errors_as_problems():
            await with_retries(lambda: self._client.upsert_entity(entity, mode=UpdateMode.REPLACE))

    async def remove(self, partition_key: str, row_key: str) -> None:
        """Remove a row; fine where there is none (nor a table: the SDK tells no 404 here)."""
        async with self._errors_as_problems():
            await with_retries(lambda: self._client.delete_entity(partition_key, row_key))

    async def remove_unchanged(self, row: Row) -> None:
        """Remove a row that is still as it was read; fine where there is none.

        Raises:
            RowChanged: it is not.
        """
        try:
            async with self._errors_as_problems():
                await with_retries(
                    lambda: self._client.delete_entity(
                        row.partition_key,
                        row.row_key,
                        etag=row.etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
                )
        except (_Absent, ResourceModifiedError):
            raise RowChanged from None

    async def insert_with(
        self,
        partition_key: str,
        inserted: Mapping[str, Mapping[str, Value]],
        replaced: Row | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> None:
        """Insert rows of one partition and replace another row of it: all of it, or nothing.

        Args:
            inserted: by RowKey.
            replaced: still as it was read; its new content is `values`.

        Raises:
            RowThere: one of the rows to be inserted is there. That may have been this very batch,
                when a retry followed an answer that was lost.
            RowChanged: the other is not as it was read.
        """
        operations: list[Any] = [
            ("create", _entity(partition_key, row_key, one)) for row_key, one in inserted.items()
        ]
        if replaced is not None:
            entity = _entity(partition_key, replaced.row_key, values or {})
            conditions = {"etag": replaced.etag, "match_condition": MatchConditions.IfNotModified}
            operations.append(("update", entity, {"mode": UpdateMode.REPLACE, **conditions}))
        async with self._errors_as_problems():
            try:
                await with_retries(lambda: self._client.submit_transaction(operations))
            except TableTransactionError as error:
                if error.status_code == HTTPStatus.CONFLICT:
                    raise RowThere from None
                changed = error.status_code == HTTPStatus.PRECONDITION_FAILED
                if changed or _code(error) in _ABSENT_CODES:
                    raise RowChanged from None
                raise

    async def check(self) -> None:
        """Is the table there, and may we read it? One point read."""
        await self.find(key("no such row"), "0")

    @asynccontextmanager
    async def _errors_as_problems(self) -> AsyncIterator[None]:
        """Pass on what callers decide on; turn everything else into StorageUnavailable.

        The SDK raises the same ResourceNotFoundError for a missing row and a missing table, and a
        missing table taken for a missing row would make every user a new one.
        """
        try:
            yield
        except (ResourceExistsError, ResourceModifiedError):
            raise
        except ResourceNotFoundError as error:
            if _code(error) in _ABSENT_CODES:
                raise _Absent from None
            logger.error(
                "storage: table '%s' is missing (%s). Create it:"
                " python -m shared.operate.provision",
                self._client.table_name,
                _code(error),
            )
            raise TableMissing(retry_after=OPERATOR_RETRY_AFTER) from error
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) or error.status_code in _REFUSED:
                logger.error(
                    "storage refused our credential (%s): check TABLES_CONNECTION_STRING, or the"
                    " managed identity's role 'Storage Table Data Contributor'",
                    _code(error),
                )
                raise StorageRefused(retry_after=OPERATOR_RETRY_AFTER) from error
            logger.warning("storage answered %s (%s)", error.status_code, _code(error))
            raise StorageUnavailable(retry_after=retry_after(error)) from error
        except AzureError as error:
            logger.warning("storage cannot be reached: %s", type(error).__name__)
            raise StorageUnavailable from error


class _Absent(Exception):
    """The row, and nothing but the row, is not there."""


_INSERT_TRIES = 3
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# "ResourceNotFound" is the row, in Azure and Azurite alike; the table's is "TableNotFound".
_ABSENT_CODES = frozenset({"ResourceNotFound", "EntityNotFound"})


def _entity(partition_key: str, row_key: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """As the SDK takes it, which needs to be told where an integer has more than 32 bits."""
    told = {
        name: EntityProperty(value, EdmType.INT64) if _is_long(value) else value
        for name, value in values.items()
    }
    return {"PartitionKey": partition_key, "RowKey": row_key, **told}


def _is_long(value: Value) -> bool:
    return isinstance(value, int) and not -(2**31) <= value < 2**31


def _row(entity: Mapping[str, Any]) -> Row:
    values = {
        name: value.value if isinstance(value, EntityProperty) else value
        for name, value in entity.items()
        if name not in ("PartitionKey", "RowKey")
    }
    metadata: Mapping[str, Any] = getattr(entity, "metadata", {})
    return Row(entity["PartitionKey"], entity["RowKey"], values, str(metadata["etag"]))


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or error.status_code)
