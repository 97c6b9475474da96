"""Keeps each realm within the number of bots that it may have.

Mappings are spread over all partitions, so that nobody could count them. Each bot has a row besides
in its realm's own: its place, which it takes before it is enrolled, and gives back when it is
erased.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.bounds import BOTS
from shared.identity.rows import bot_place, bots_key
from shared.principals import Principal
from shared.problems import TooManyBots
from shared.tables import Table


class BotPlaces:
    """The places of bots, in the table `identities`."""

    def __init__(
        self,
        table: Table,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        most: int = BOTS.number,
    ) -> None:
        """
        Args:
            most: the number of bots that a realm may have.
        """
        self._table = table
        self._now = now
        self._most = most

    async def take(self, bot: Principal) -> None:
        """Take a place for a bot that is to be enrolled. Repeatable.

        The row is there before the others are counted, so that of requests that race each counts
        the others: too many of them may be refused, and never too few. One write, and one query for
        each 1,000 bots.

        Raises:
            TooManyBots: there is none; nothing is left then.
        """
        partition, count, more, after = bots_key(bot.realm), 0, True, ""
        await self._table.insert_if_absent(partition, bot_place(bot), {"createdAt": self._now()})
        while more:
            rows, more = await self._table.page(partition, after=after, only=("createdAt",))
            count, after = count + len(rows), rows[-1].row_key if rows else after
        if count > self._most:
            await self.give_back(bot)
            raise TooManyBots(
                f"The realm has {self._most} bots, which is the most there may be: remove some"
                " (DELETE)."
            )

    async def give_back(self, bot: Principal) -> None:
        """Let another bot have the place; it is no error if there is none."""
        await self._table.remove(bots_key(bot.realm), bot_place(bot))
