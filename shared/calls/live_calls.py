"""The row `live`: the calls of a person that count against their limit, and whom they have called
in the last minute. Teams resource accounts have such rows too, for the calls to them.

It is in the person's partition. Each call that it names has a place. A call takes its place before
ACS is asked for it, on condition that nobody else has written the row since it was read: if two
calls race for the last place, one finds the row changed. A call that has ended keeps its place
until somebody needs it (`shared.calls.limits`), so that the end of a call costs no write here.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from shared.bounds import MOST_COUNTED
from shared.changes import MANY_TRIES, Rest, change_row
from shared.keys import key, milliseconds
from shared.problems import Conflict
from shared.tables import Row, RowChanged, Table, Value

LIVE_ROW = "live"
MINUTE = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# So many characters of an id tell the requests of a minute apart, even if a client seeks two ids
# that begin alike.
_ID_LENGTH = 16


class Counted(StrEnum):
    """The calls that are counted together. The values are the names of properties."""

    PLACED = "calls"
    TO_BOTS = "callsToBots"
    TO_ACCOUNT = "callsToAccount"  # in the row of a Teams resource account


@dataclass(frozen=True)
class Legs:
    """People, bots and numbers whom one request has called or invited.

    Attributes:
        id: names the request: the beginning of the id of its call, or of its invitation.
    """

    id: str
    number: int
    at: datetime


@dataclass(frozen=True)
class LiveCalls:
    """The content of the row.

    Attributes:
        created_at: when the row was made.
        calls: by kind, the id of each call that counts, and when it took its place. A kind is
            missing until the first call of the kind: then calls of earlier versions are looked for.
        legs: those of the last minute, and earlier ones until the next are counted.
    """

    created_at: datetime
    calls: Mapping[Counted, Mapping[str, datetime]] = field(default_factory=dict)
    legs: tuple[Legs, ...] = ()

    def with_calls(self, kind: Counted, calls: Mapping[str, datetime]) -> Self:
        """The row with these calls of a kind. If there are too many, the latest are kept."""
        latest = sorted(calls.items(), key=lambda call: (call[1], call[0]))[-MOST_COUNTED:]
        return replace(self, calls={**self.calls, kind: dict(latest)})

    def recent_legs(self, now: datetime) -> tuple[Legs, ...]:
        """The legs of the last minute, the oldest first."""
        return tuple(sorted((one for one in self.legs if now - one.at < MINUTE), key=_age))

    def has_legs_of(self, request_id: str, now: datetime) -> bool:
        return any(one.id == request_id[:_ID_LENGTH] for one in self.recent_legs(now))

    def with_legs(self, request_id: str, number: int, now: datetime) -> Self:
        added = Legs(request_id[:_ID_LENGTH], number, now)
        return replace(self, legs=(*self.recent_legs(now), added)[-MOST_COUNTED:])

    def without(self, id_: str) -> Self:
        """The row without a call, or an invitation, and its legs."""
        calls = {
            kind: {one: at for one, at in counted.items() if one != id_}
            for kind, counted in self.calls.items()
        }
        legs = tuple(one for one in self.legs if one.id != id_[:_ID_LENGTH])
        return replace(self, calls=calls, legs=legs)

    def is_needless(self, now: datetime) -> bool:
        """Does it hold nothing that counts?"""
        return not any(self.calls.values()) and not self.recent_legs(now)

    def values(self) -> dict[str, Value]:
        values: dict[str, Value] = {"createdAt": self.created_at}
        for kind, counted in self.calls.items():
            values[kind] = _text({id_: milliseconds(at) for id_, at in counted.items()})
        if self.legs:
            values["legs"] = _text(
                [[one.id, one.number, milliseconds(one.at)] for one in self.legs]
            )
        return values

    @classmethod
    def of(cls, row: Row) -> Self:
        values: Mapping[str, Any] = row.values
        return cls(
            values["createdAt"],
            {
                kind: {id_: _moment(at) for id_, at in json.loads(values[kind]).items()}
                for kind in Counted
                if kind in values
            },
            tuple(
                Legs(id_, number, _moment(at))
                for id_, number, at in json.loads(values.get("legs", "[]"))
            ),
        )


def account_key(account: str) -> str:
    """The PartitionKey of the row of a Teams resource account, by its object id."""
    return key("calls to account", account)


class LiveRows:
    """The rows `live` of the table `calls`, each in the partition of its person, or account."""

    def __init__(self, table: Table, now: Callable[[], datetime], rest: Rest) -> None:
        self._table = table
        self._now = now
        self._rest = rest

    async def change(
        self, owner: str, change: Callable[[LiveCalls | None], Awaitable[LiveCalls | None]]
    ) -> None:
        """Change the row of a person, by a function that may run several times.

        Args:
            owner: the PartitionKey of the person's mapping.
            change: what to write (None: nothing) in place of what was read (None: there is none).

        Raises:
            Conflict: too many others write at the same time.
        """

        async def values(row: Row | None) -> Mapping[str, Value] | None:
            changed = await change(None if row is None else LiveCalls.of(row))
            return None if changed is None else changed.values()

        await change_row(self._table, owner, LIVE_ROW, values, tries=MANY_TRIES, rest=self._rest)

    async def count_again(self, owner: str, kind: Counted, call_id: str) -> None:
        """Count a call that was given up, and that ACS has all the same, whatever the limit."""

        async def counted(found: LiveCalls | None) -> LiveCalls | None:
            if kind is not Counted.TO_ACCOUNT and (found is None or kind not in found.calls):
                return None  # the first look finds it in the index; accounts have none
            row = found or LiveCalls(self._now())
            return row.with_calls(kind, {**row.calls.get(kind, {}), call_id: self._now()})

        await self.change(owner, counted)

    async def forget(self, owner: str, id_: str) -> None:
        """Take a call, or an invitation, out of the row of a person. Mostly this is one read only.

        A row that is needless then is removed: it may have been written for somebody who was
        erased meanwhile.
        """
        for attempt in range(MANY_TRIES):
            row = await self._table.find(owner, LIVE_ROW)
            if row is None:
                return
            found = LiveCalls.of(row)
            changed = found.without(id_)
            try:
                if changed.is_needless(self._now()):
                    await self._table.remove_unchanged(row)
                elif changed != found:
                    await self._table.replace(row, changed.values())
            except RowChanged:
                await self._rest(attempt)
                continue
            return
        raise Conflict


def _age(legs: Legs) -> tuple[datetime, str]:
    return legs.at, legs.id


def _moment(at: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at)


def _text(content: Mapping[str, int] | Iterable[object]) -> str:
    return json.dumps(content, separators=(",", ":"))
