"""Keeps each realm within the number of bots that it may have.

Mappings are spread over all partitions, so they cannot be counted. So each bot has its place, a row
in the partition of its realm. A request takes the place before it enrols the bot, and writes it
again once the bot is there; an erasure of the bot removes it.

No transaction holds a place and a mapping, because their partitions differ. So these hold:

* A request that takes a place writes it, with an attempt of its own, even if it is there.
* A request that gives a place back has read after that write that there is no such bot, and removes
  only what it wrote. So does an erasure: it removes what it read while its mark stood.
* A request that has enrolled a bot writes the place after that. A removal that was on its way has
  read an older version, so it fails, however late it comes; or it was faster, and then the bots are
  counted once more.

An intent is there before the place is. Its finisher gives back a place whose bot was not enrolled,
and writes that of a bot whose request ended too early.
"""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.bounds import BOTS
from shared.changes import change_row
from shared.identity.rows import BotPlace, bot_place, bots_key, has_identity, place_of
from shared.intents import Finisher, Intent, Intents
from shared.keys import principal_key
from shared.principals import Principal
from shared.problems import TooManyBots
from shared.tables import Row, RowChanged, Table

TAKE = "take-bot-place"  # the kind of intent


@dataclass(frozen=True)
class TakenPlace:
    """The place that a request has taken. `row` is as it was written; `intent` is to be ended."""

    place: BotPlace
    row: Row
    intent: Intent


class BotPlaces:
    """The places of bots, in the table `identities`."""

    def __init__(
        self,
        table: Table,
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        most: int = BOTS.number,
    ) -> None:
        """
        Args:
            most: the number of bots that a realm may have.
        """
        self._table = table
        self._intents = intents
        self._now = now
        self._most = most

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {TAKE: self._finish}

    async def take(self, bot: Principal) -> TakenPlace:
        """Take a place for a bot that is to be enrolled; `keep` it after that. Repeatable.

        The row is written before the others are counted, so that requests that race count each
        other: too many of them may be refused, and never too few. Two writes, and one query for
        each 1,000 bots.

        Raises:
            TooManyBots: there is none; nothing is left then.
        """
        partition, mapping = bots_key(bot.realm), principal_key(bot)
        place = BotPlace(self._now(), uuid.uuid4().hex, is_kept=False)
        details = {"partition": partition, "attempt": place.attempt}
        intent = await self._intents.begin(TAKE, mapping, details)
        row = await self._write(partition, bot_place(bot), place)
        try:
            await self._refuse_if_crowded(partition)
        except TooManyBots:
            # If another request has enrolled the bot meanwhile, the place is the bot's.
            if not await self._is_bot(mapping):
                await self._remove(row)
            await self._intents.end(intent)
            raise
        return TakenPlace(place, row, intent)

    async def keep(self, taken: TakenPlace) -> None:
        """Write the place of a bot that is enrolled now. One write, unless others have changed it.

        Raises:
            TooManyBots: the place was gone meanwhile, and others have it: remove the bot.
            RowChanged: the bot was erased meanwhile.
        """
        row = taken.row
        kept = taken.place._replace(is_kept=True).values()
        changed = await change_row(
            self._table, row.partition_key, row.row_key, lambda _: kept, found=row
        )
        before = changed.before
        if before is None or before.etag != row.etag:
            await self._check_again(taken, before, changed.now)
        await self._intents.end(taken.intent)

    async def _check_again(self, taken: TakenPlace, before: Row | None, now: Row | None) -> None:
        """
        Args:
            before: what stood in place of what was taken, if anything did.
            now: what was written.
        """
        if not await self._is_bot(taken.intent.subject):
            await self._remove(now)
            await self._intents.end(taken.intent)
            raise RowChanged
        if before is not None and BotPlace.of(before).is_kept:
            return  # another request for the same bot has done this
        try:
            await self._refuse_if_crowded(taken.row.partition_key)
        except TooManyBots:
            await self._intents.end(taken.intent)
            raise

    async def _refuse_if_crowded(self, partition: str) -> None:
        """Raise TooManyBots if a realm has more than it may."""
        count, more, after = 0, True, ""
        while more:
            rows, more = await self._table.page(partition, after=after, only=("createdAt",))
            count, after = count + len(rows), rows[-1].row_key if rows else after
        if count > self._most:
            raise TooManyBots(
                f"The realm has {self._most} bots, the most that it may have: remove some (DELETE)."
            )

    async def _finish(self, intent: Intent) -> None:
        mapping, partition = intent.subject, str(intent.details["partition"])
        attempt = str(intent.details["attempt"])
        row = await self._table.find(partition, place_of(mapping))
        place = None if row is None else BotPlace.of(row)
        if not await self._is_bot(mapping):
            # A repetition that is under way has an attempt of its own.
            if place is not None and place.attempt == attempt:
                await self._remove(row)
        elif place is None or not place.is_kept:
            kept = BotPlace(intent.begun_at, attempt, is_kept=True)
            written = await self._write(partition, place_of(mapping), kept)
            if not await self._is_bot(mapping):  # it is being erased, and its place was gone before
                await self._remove(written)

    async def _write(self, partition: str, row_key: str, place: BotPlace) -> Row:
        """Write a place, whatever stands there. One write if nothing does."""
        values = place.values()
        changed = await change_row(self._table, partition, row_key, lambda _: values, found=None)
        assert changed.now is not None  # noqa: S101  it was written
        return changed.now

    async def _remove(self, row: Row | None) -> None:
        """Remove a place, unless somebody has written it since: then it is theirs."""
        if row is not None:
            with contextlib.suppress(RowChanged):
                await self._table.remove_unchanged(row)

    async def _is_bot(self, mapping: str) -> bool:
        """Whether there is a bot under this PartitionKey, of whatever ACS resource. One query."""
        return has_identity(await self._table.list_for(mapping))
