"""What all groups of parts stand on: settings, clients, clocks, tables, and intents."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.settings import Settings
from shared.table_api import TableApi
from shared.tables import Table
from shared.upstream.clients import Upstream

if TYPE_CHECKING:
    from shared.intents import Intents


class Base:
    """The settings, and what is made of them alone."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.upstream = Upstream()
        self._now = now
        self._sleep = sleep
        self._resource = settings.upstream.communication_resource

    @cached_property
    def intents(self) -> "Intents":
        from shared.intents import Intents

        return Intents(self._table(tables.INTENTS), self._now)

    def _table(self, name: str) -> Table:
        return Table(TableApi(name, self.settings.upstream, self.upstream))
