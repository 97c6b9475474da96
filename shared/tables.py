"""The Table Storage mapping module: reads and writes rows, and turns its errors into problems.

Every access to Table Storage goes through here. Only the `rows` module of a domain knows what its
rows mean.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from shared.keys import key
from shared.stored_rows import Row, Value
from shared.table_api import Continuation, Delete, Insert, Operation, Parameter, Replace, TableApi
from shared.unavailable import OPERATOR_RETRY_AFTER, StorageUnavailable, TableMissing
from shared.upstream.errors import problem_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.services import STORAGE

__all__ = ["ALL", "Row", "RowChanged", "RowExists", "Table", "Value"]

logger = logging.getLogger(__name__)

IDENTITIES = "identities"
FRIENDS = "friends"
INVITATIONS = "invitations"
SHARED_CALLS = "sharedcalls"
MEETINGS = "meetings"
CALLS = "calls"
AGENTS = "agents"
INTENTS = "intents"
# `python -m shared.operate.provision` creates them when the app is deployed.
ALL = (IDENTITIES, FRIENDS, INVITATIONS, SHARED_CALLS, MEETINGS, CALLS, AGENTS, INTENTS)
# Table Storage answers a query with at most 1,000 rows.
PAGE_ROWS = 1000


class RowChanged(Exception):
    """Another request wrote or removed the row since it was read."""


class RowExists(Exception):
    """A row that was to be inserted exists already."""


class Table:
    """One table.

    Every method raises StorageUnavailable if the storage failed: then nothing is known about the
    row, and a write may have happened or not.
    """

    def __init__(self, api: TableApi) -> None:
        self._api = api

    async def find(self, partition_key: str, row_key: str) -> Row | None:
        """Read a row; None if there is none. One point read."""
        try:
            return await self._ask(lambda: self._api.get(partition_key, row_key))
        except _RowNotFound:
            return None

    async def insert_if_absent(
        self, partition_key: str, row_key: str, values: Mapping[str, Value]
    ) -> Row:
        """Store a row unless its key is taken; return the row that is stored now.

        Callers use the result, not their argument: another writer may have won. If an answer was
        lost and the insert is retried, the result is the row that this same insert has stored.
        """
        for _ in range(_INSERT_TRIES):
            try:
                etag = await self._ask(lambda: self._api.insert(partition_key, row_key, values))
                return Row(partition_key, row_key, values, etag)
            except RowExists:
                standing = await self.find(partition_key, row_key)
                if standing is not None:
                    return standing
                # The row was removed between our two requests: the key is free again.
        raise StorageUnavailable

    async def list_for(
        self,
        partition_key: str,
        row_filter: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        *,
        only: Sequence[str] = (),
    ) -> list[Row]:
        """All rows of one partition, one query for each 1,000; arguments as for `page`."""
        found, more = await self.page(partition_key, row_filter, parameters, only=only)
        while more:
            after = found[-1].row_key
            rows, more = await self.page(
                partition_key, row_filter, parameters, after=after, only=only
            )
            found += rows
        return found

    async def page(
        self,
        partition_key: str,
        row_filter: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        *,
        after: str = "",
        most: int = PAGE_ROWS,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], bool]:
        """Some rows of one partition, by ascending RowKey, and whether there may be more.

        Args:
            row_filter: an OData filter with `@name` for each parameter; all rows if empty.
            parameters: the values for `row_filter`.
            after: a RowKey; the page begins behind it.
            most: the number of rows in a full page. Storage may answer with fewer before the end;
                a page is empty only at the end.
            only: the values to read; all if empty. See `TableApi.query`.
        """
        filters = ["PartitionKey eq @partition_key", *(["RowKey gt @after"] if after else [])]
        if row_filter:
            filters.append(row_filter)
        query = " and ".join(filters)
        values: Mapping[str, Parameter] = {
            **(parameters or {}),
            "partition_key": partition_key,
            "after": after,
        }
        rows, token = await self._rows(query, values, most, None, only)
        while token and not rows:
            rows, token = await self._rows(query, values, most, token, only)
        return rows, bool(token)

    async def scan(
        self, row_filter: str, parameters: Mapping[str, str | datetime], since: str = ""
    ) -> AsyncIterator[list[Row]]:
        """Rows of all partitions, some at a time; arguments as for `page`.

        Storage reads the whole table for this: it is for rare work that nobody waits for. Rows come
        by ascending PartitionKey, from `since` on.
        """
        parameters = {**parameters, "since": since}
        query = f"PartitionKey ge @since and {row_filter}"
        rows, token = await self._rows(query, parameters, PAGE_ROWS, None)
        yield rows
        while token:
            rows, token = await self._rows(query, parameters, PAGE_ROWS, token)
            yield rows

    async def sweep(
        self,
        row_filter: str,
        parameters: Mapping[str, str | datetime],
        name: str,
        places: dict[str, str],
    ) -> AsyncIterator[list[Row]]:
        """Rows as `scan` gives them, from where an earlier sweep stopped; some may come twice.

        A page counts as dealt with when the next is asked for. Storage ends a query after five
        seconds, also if it has found nothing (documented: "Query timeout and pagination"): so the
        time of a run may be over before a large table gives one row. Then smaller parts of it are
        asked for, and the sweep can go on after each finished part.

        Args:
            parameters: none of them is called `part` or `next_part`.
            places: by `name`, the PartitionKey to begin at. The sweep notes there how far it comes.
        """
        since = places.get(name, "")
        digits = len(since) if len(since) <= _MOST_DIGITS else 0  # an earlier run's parts
        while (since := places.get(name, "")) != _END:
            until, token = _end_of_part(since, digits), None
            query = f"PartitionKey ge @part and PartitionKey lt @next_part and {row_filter}"
            values = {**parameters, "part": since, "next_part": until}
            while True:
                rows, token = await self._rows(query, values, PAGE_ROWS, token)
                if token and not rows and digits < _MOST_DIGITS:
                    digits += 1
                    break
                yield rows
                if not token:
                    places[name] = until
                    break
                if rows:
                    places[name] = rows[-1].partition_key

    async def _rows(
        self,
        query: str,
        parameters: Mapping[str, Parameter],
        most: int,
        continuation: Continuation | None,
        only: Sequence[str] = (),
    ) -> tuple[list[Row], Continuation | None]:
        return await self._ask(lambda: self._api.query(query, parameters, most, continuation, only))

    async def merge(self, row: Row, values: Mapping[str, Value]) -> Row:
        """Change some values of a row, if nobody else wrote it since it was read.

        Raises:
            RowChanged: somebody did. It may have been this same change: if its answer was lost, a
                retry finds the row changed.
        """
        return await self._update(row, values, merge=True)

    async def replace(self, row: Row, values: Mapping[str, Value]) -> Row:
        """Change a row like `merge`, but keep none of the old values."""
        return await self._update(row, values, merge=False)

    async def _update(self, row: Row, values: Mapping[str, Value], *, merge: bool) -> Row:
        try:
            etag = await self._ask(lambda: self._api.update(row, values, merge=merge))
        except _RowNotFound:
            raise RowChanged from None
        result = {**row.values, **values} if merge else values
        return Row(row.partition_key, row.row_key, result, etag)

    async def put(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> None:
        """Store a row in place of any other. The last writer wins: callers have to allow for it."""
        await self._ask(lambda: self._api.upsert(partition_key, row_key, values))

    async def remove(self, partition_key: str, row_key: str) -> None:
        """Remove a row; does nothing if there is none."""
        with contextlib.suppress(_RowNotFound):
            await self._ask(lambda: self._api.delete(partition_key, row_key))

    async def remove_unchanged(self, row: Row) -> None:
        """Remove a row, if nobody else wrote it since it was read; does nothing if there is none.

        Raises:
            RowChanged: somebody did.
        """
        with contextlib.suppress(_RowNotFound):
            await self._ask(lambda: self._api.delete(row.partition_key, row.row_key, row.etag))

    async def insert_with(
        self,
        partition_key: str,
        inserted: Mapping[str, Mapping[str, Value]],
        replaced: Row | None = None,
        values: Mapping[str, Value] | None = None,
        *,
        removed: Row | None = None,
    ) -> dict[str, Row]:
        """Insert rows, and replace and remove others of the same partition, in one transaction.

        Args:
            inserted: the values of each new row, by RowKey.
            replaced: the row to replace, as it was read; `values` are its new values.
            removed: the row to remove, as it was read.

        Returns:
            The rows that are stored now, by RowKey.

        Raises:
            RowExists: one of the new rows exists already. This same transaction may have stored
                it: if its answer was lost, a retry finds the row.
            RowChanged: somebody else wrote `replaced` or `removed` since it was read. This, too,
                may have been this same transaction.
        """
        stored = dict(inserted)
        operations: list[Operation] = [Insert(row_key, row) for row_key, row in inserted.items()]
        if replaced is not None:
            stored[replaced.row_key] = values or {}
            operations.append(Replace(replaced, values or {}))
        if removed is not None:
            operations.append(Delete(removed))
        etags = await self._transact(partition_key, operations)
        return {
            row_key: Row(partition_key, row_key, row, etag)
            for (row_key, row), etag in zip(stored.items(), etags, strict=False)
        }

    async def remove_together(self, rows: Iterable[Row]) -> None:
        """Remove rows of one partition in one transaction, if nobody wrote them since.

        Raises:
            RowChanged: somebody did. It may have been this same transaction.
        """
        together = list(rows)
        if together:
            await self._transact(together[0].partition_key, list(map(Delete, together)))

    async def _transact(self, partition_key: str, operations: list[Operation]) -> list[str]:
        try:
            return await self._ask(lambda: self._api.transact(partition_key, operations))
        except _RowNotFound:
            raise RowChanged from None

    async def check(self) -> None:
        """Raise a problem if the table is missing or we may not read it. One point read."""
        await self.find(key("no such row"), "0")

    async def _ask[T](self, request: Callable[[], Awaitable[T]]) -> T:
        """What storage answers, after retries.

        A missing row and a missing table have the same status. If a missing table were taken for a
        missing row, every user would get a new identity.

        Raises:
            RowExists, RowChanged, _RowNotFound: storage says so.
            StorageUnavailable: every other failure; of a missing table, or if storage refuses us,
                one of its subclasses.
        """
        try:
            return await with_retries(request)
        except ErrorAnswer as error:
            if error.code == _ROW_EXISTS_CODE:
                raise RowExists from None
            if error.status == HTTPStatus.PRECONDITION_FAILED:
                raise RowChanged from None
            if error.status != HTTPStatus.NOT_FOUND:
                raise problem_of(error, STORAGE) from error
            if error.code in _ROW_NOT_FOUND_CODES:
                raise _RowNotFound from None
            logger.error(
                "storage: table '%s' is missing (%s). Create it:"
                " python -m shared.operate.provision",
                self._api.table_name,
                error.shown_code,
            )
            raise TableMissing(retry_after=OPERATOR_RETRY_AFTER) from error
        except RequestFailed as error:
            raise problem_of(error, STORAGE) from error


class _RowNotFound(Exception):
    """The table exists, but has no such row."""


def _end_of_part(since: str, digits: int) -> str:
    """The end of the part of a table that begins with a PartitionKey: the next key with other first
    digits. All keys are hexadecimal (`shared.keys`)."""
    following = int(since[:digits].ljust(digits, "0"), 16) + 1 if digits else 1
    return f"{following:0{digits}x}" if following < 16**digits else _END


_INSERT_TRIES = 3
# Behind all keys.
_END = "~"
# A part is a sixteenth of a table, and so on down to a 65,536th.
_MOST_DIGITS = 4
# The conflict that means that the row exists.
_ROW_EXISTS_CODE = "EntityAlreadyExists"
# A missing row, in Azure and in Azurite; the code of a missing table is "TableNotFound".
_ROW_NOT_FOUND_CODES = frozenset({"ResourceNotFound", "EntityNotFound"})
