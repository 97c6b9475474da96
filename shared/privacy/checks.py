"""The rule of erasures: each one ends. Until then no request is served from the marked mapping."""

from collections.abc import Sequence

from shared.checking import Rule
from shared.identity.rows import REVERSE_ROW, is_erasing, is_spare
from shared.intents import Intents
from shared.privacy.personal_data import ERASE
from shared.tables import IDENTITIES, Row


class ErasureChecks:
    """The rule of the marks of erasures, which are in the table `identities`."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            Rule(
                "erasure-unfinished",
                IDENTITIES,
                "the erasure is handed to Tidy, which finishes it",
                self._is_marked,
                self._hand_over,
            ),
        )

    async def _is_marked(self, row: Row) -> bool:
        """With an intent it is no finding: then Tidy finishes it anyway."""
        return row.row_key != REVERSE_ROW and not is_spare(row) and is_erasing(row)

    async def _hand_over(self, row: Row) -> None:
        await self._intents.begin(ERASE, row.partition_key)
