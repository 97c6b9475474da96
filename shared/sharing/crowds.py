"""Keeps each owner within the number of calls that one person may share, in all and in one space.

The owner's own rows are counted; they name the spaces. A request takes its place (an entry in such
a row), then counts, and only then changes the record. So requests at the same time count each
other, and nothing is shared and then taken back because there was no room for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from shared.changes import ChangedRow, change_row
from shared.keys import milliseconds
from shared.problems import TooManyShared
from shared.sharing.audiences import MOST_CALLS, MOST_IN_SPACE
from shared.sharing.places import Place, standing
from shared.sharing.rows import Invitation, Role, SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Row, Table, Value

# How many ended calls one request removes to make room for a new one.
_MOST_REMOVED = 5
# After this time a place lapses, because its request was killed. Requests end far sooner.
_LAPSES_AFTER = timedelta(minutes=5)


class Crowds:
    """Takes places in the owners' rows, and counts them."""

    def __init__(self, listings: Table, calls: SharedCalls, now: Callable[[], datetime]) -> None:
        self._listings = listings
        self._calls = calls
        self._now = now

    async def take_place(self, record: SharedCallRecord) -> ChangedRow:
        """Take a place for a record that is going to be written; return the owner's row with it.

        One write and one query if the call is new; one read and one write more if it is not.

        It is given back when the listings are brought in line with that record; if the record is
        not written, `SharedCalls.give_back` does it.

        Raises:
            TooManyShared: the owner's other calls fill it, also those that are just being shared.
        """
        now = self._now()
        place = Place(record.change_id, record.space, milliseconds(now + _LAPSES_AFTER))
        pointer = replace(record, content=None).invitation_for(record.owner, Role.OWNER)

        def add(row: Row | None) -> Mapping[str, Value]:
            found = replace(pointer, space="") if row is None else Invitation.of(row)
            return replace(found, places=(*standing(found.places, now), place)).values()

        changed = await change_row(self._listings, record.owner, record.call_id, add, found=None)
        before = None if changed.before is None else Invitation.of(changed.before)
        stays = before is not None and before.is_live(now) and before.space == record.space
        # A row without content belongs to another request, which may still be refused.
        is_new = before is None or before.content is None
        if is_new or (record.space and not stays):
            await self._refuse_if_crowded(record, is_new=is_new)
        return changed

    async def _refuse_if_crowded(self, record: SharedCallRecord, *, is_new: bool) -> None:
        owner, now = record.owner, self._now()
        rows = await self._listings.list_for(owner, "role eq @role", {"role": Role.OWNER.value})
        others = [own for own in map(Invitation.of, rows) if own.call_id != record.call_id]
        if record.space:
            in_space = {own.call_id for own in others if _counts_in(own, record.space, now)}
            if any(own.space is None and own.is_live(now) for own in others):
                in_space |= await self._listed_in_space(record, now)
            if len(in_space) >= MOST_IN_SPACE:
                raise TooManyShared(
                    f"You share {MOST_IN_SPACE} calls in that space: unshare one first."
                )
        if is_new and len(others) >= MOST_CALLS:
            await self._make_room(owner, others)

    async def _listed_in_space(self, record: SharedCallRecord, now: datetime) -> set[str]:
        """The owner's other calls that a space lists: rows of earlier versions name no space."""
        rows = await self._listings.list_for(
            record.space, "owner eq @owner", {"owner": record.owner}
        )
        listed = [invitation for invitation in map(Invitation.of, rows) if invitation.is_live(now)]
        return {invitation.call_id for invitation in listed} - {record.call_id}

    async def _make_room(self, owner: str, others: list[Invitation]) -> None:
        """Remove ended calls until the owner may share one more.

        Raises:
            TooManyShared: too few of the owner's calls have ended.
        """
        now = self._now()
        ended = [own for own in others if not (own.is_live(now) or standing(own.places, now))]
        excess = len(others) - MOST_CALLS + 1
        for own in ended[: min(excess, _MOST_REMOVED)]:
            await self._calls.end(own.call_id, lambda record: not record.is_live(now))
            await self._calls.finish(owner, own.call_id)
        if excess > min(len(ended), _MOST_REMOVED):
            raise TooManyShared(f"You share {MOST_CALLS} calls: unshare one first.")


def _counts_in(own: Invitation, space: str, at: datetime) -> bool:
    """Whether an owner's call is in a space, or is just being shared there."""
    is_there = own.is_live(at) and own.space == space
    return is_there or any(place.space == space for place in standing(own.places, at))
