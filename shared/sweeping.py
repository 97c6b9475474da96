"""Tables as an erasure sees them: it never touches what belongs to a person who came later."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import override

from shared.changes import change_row, retry_if_changed
from shared.table_api import Parameter, TableApi
from shared.tables import PAGE_ROWS, Row, RowChanged, Table, Value


class SweepEnded(Exception):
    """The reason for a sweep has ended; what is stored now is not to be touched."""


class SweptTable(Table):
    """A table for sweeps that may be slow: the reason for the sweep may end while it runs.

    `check` raises SweepEnded once the reason has ended. It runs after each read, so every row that
    a sweep has read was there while the reason still stood. Every write depends on the version that
    was read, so a later row is never changed or removed.
    """

    def __init__(self, api: TableApi, check: Callable[[], Awaitable[None]]) -> None:
        super().__init__(api)
        self._check = check

    @override
    async def find(self, partition_key: str, row_key: str) -> Row | None:
        row = await super().find(partition_key, row_key)
        await self._check()
        return row

    @override
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
        found = await super().page(
            partition_key, row_filter, parameters, after=after, most=most, only=only
        )
        await self._check()
        return found

    @override
    async def insert_if_absent(
        self, partition_key: str, row_key: str, values: Mapping[str, Value]
    ) -> Row:
        await self._check()
        stored = await super().insert_if_absent(partition_key, row_key, values)
        try:
            await self._check()
        except SweepEnded:
            # The reason is gone, so nobody would find the row that this inserted.
            if stored.values == values:
                with contextlib.suppress(RowChanged):
                    await self.remove_unchanged(stored)
            raise
        return stored

    @override
    async def put(self, partition_key: str, row_key: str, values: Mapping[str, Value]) -> None:
        await change_row(self, partition_key, row_key, lambda _: values)

    @override
    async def remove(self, partition_key: str, row_key: str) -> None:
        async def attempt() -> None:
            standing = await self.find(partition_key, row_key)
            if standing is not None:
                await self.remove_unchanged(standing)

        await retry_if_changed(attempt)
