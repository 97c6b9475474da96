"""Calls of people who were erased while they placed them. The request that placed such a call ends
and removes it. If that request dies, nobody repeats it, so Tidy does it."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from shared.calls.records import CallRecords
from shared.calls.rows import Call
from shared.identity.identities import Identities
from shared.identity.rows import is_erased_since, is_erasing
from shared.problems import BeingErased


class ErasedCalls:
    """Ends such calls, and removes what is stored of them."""

    def __init__(
        self, records: CallRecords, identities: Identities, end: Callable[[Call], Awaitable[None]]
    ) -> None:
        """
        Args:
            end: as `Calls.end_erased`.
        """
        self._records = records
        self._identities = identities
        self._end = end

    async def discard_if_erased(self, call: Call, proven_at: datetime) -> bool:
        """End and remove a call if the person who placed it was erased. Repeatable.

        Args:
            proven_at: when the token was issued with which they placed it.

        Returns:
            Whether they were erased after that.

        Raises:
            BeingErased: the erasure has not ended.
        """
        row = await self._identities.row_under(call.creator)
        if row is not None and is_erasing(row):
            raise BeingErased
        if row is None or not is_erased_since(row, proven_at):
            return False
        await self._end(call)
        await self._records.discard(call)
        return True
