"""Rules for the rows of the table `identities`: each ACS identity belongs to one principal.

ACS cannot list identities, so only those with a row are known here.
"""

from collections.abc import Iterable, Sequence

from shared.checking import NotSafe, Rule, keys_of, readable
from shared.identity.rows import (
    REVERSE_ROW,
    BotPlace,
    bot_place,
    bots_key,
    identity_of,
    is_bot_place,
    is_erasing,
    is_reaping,
    is_spare,
    is_tombstone,
    mapping_of_place,
    owner_key,
    principal_of,
    spare_row_key,
)
from shared.identity.spares import AcsDeletion, reap
from shared.keys import principal_key
from shared.principals import Kind
from shared.tables import IDENTITIES, Row, RowChanged, Table, Value


class IdentityChecks:
    """The rules of mappings, reverse rows and spares."""

    def __init__(self, table: Table, acs: AcsDeletion) -> None:
        self._table = table
        self._acs = acs

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("identity-unreadable", IDENTITIES, _read),
            Rule(
                "mapping-misplaced",
                IDENTITIES,
                "It is under the key of somebody else: nobody can tell who it belongs to.",
                self._is_misplaced,
            ),
            Rule(
                "identity-of-two",
                IDENTITIES,
                "Two principals share an ACS identity; have one of them erase themselves"
                " (DELETE /user), which also deletes the identity: the other gets a new one.",
                self._is_of_two,
            ),
            Rule(
                "mapping-without-reverse",
                IDENTITIES,
                "the reverse row is written again",
                self._lacks_reverse,
                self._write_reverse,
            ),
            Rule(
                "reverse-without-mapping",
                IDENTITIES,
                "the ACS identity, which belongs to nobody, is deleted with its row",
                self._lacks_mapping,
                self._delete_orphan,
            ),
            Rule(
                "spare-left",
                IDENTITIES,
                "the ACS identity of an enrolment that failed is deleted with its rows",
                self._is_left,
                self._reap,
            ),
            Rule(
                "bot-without-place",
                IDENTITIES,
                "the bot, which an earlier version registered, is counted among its realm's",
                self._lacks_place,
                self._give_place,
            ),
            Rule(
                "bot-place-without-bot",
                IDENTITIES,
                "the place, whose bot does not exist, is free again",
                self._is_needless_place,
                self._table.remove_unchanged,
                subjects=_subjects_of_place,
            ),
        )

    async def _is_misplaced(self, row: Row) -> bool:
        return _is_mapping(row) and principal_key(principal_of(row)) != row.partition_key

    async def _is_of_two(self, row: Row) -> bool:
        if not _is_mapping(row) or is_erasing(row):
            return False
        reverse = await self._reverse_of(row)
        other = None if reverse is None else str(reverse.values["principal"])
        if other is None or other == row.partition_key:
            return False
        return await self._has(other, _user_id(row))

    async def _lacks_reverse(self, row: Row) -> bool:
        return _is_mapping(row) and not is_erasing(row) and await self._reverse_of(row) is None

    async def _write_reverse(self, row: Row) -> None:
        """As `Spares.record` does. A heal or an erasure meanwhile has changed the mapping."""
        values: dict[str, Value] = {
            "principal": row.partition_key,
            "communicationUserId": _user_id(row),
            "createdAt": row.values["createdAt"],
        }
        written = await self._table.insert_if_absent(owner_key(_user_id(row)), REVERSE_ROW, values)
        current = await self._table.find(row.partition_key, row.row_key)
        if current is None or current.etag != row.etag:
            if written.values == values:
                await self._table.remove_unchanged(written)
            raise RowChanged

    async def _lacks_mapping(self, row: Row) -> bool:
        if not _is_reverse(row):
            return False
        rows = await self._table.list_for(str(row.values["principal"]))
        return all(_owned(one) != row.partition_key for one in rows)

    async def _delete_orphan(self, row: Row) -> None:
        """Record the identity as a spare that is being deleted, and delete it. If an enrolment is
        using it, that finds its spare changed, and stores no mapping."""
        user_id = str(row.values.get("communicationUserId", ""))
        if not user_id:  # an earlier version wrote no id: there is nothing to delete in ACS
            await self._table.remove_unchanged(row)
            return
        async for rows in self._table.scan("communicationUserId eq @user", {"user": user_id}):
            if any(not _is_reverse(one) for one in rows):
                raise NotSafe  # it is somebody else's: the reverse row alone is wrong
        partition = str(row.values["principal"])
        mark: dict[str, Value] = {
            "communicationUserId": user_id,
            "createdAt": row.values["createdAt"],
            "reaping": True,
        }
        spare = await self._table.insert_if_absent(partition, spare_row_key(user_id), mark)
        if not is_reaping(spare):
            raise RowChanged
        if await self._has(partition, user_id):
            await self._table.remove_unchanged(spare)
            raise RowChanged
        await reap(self._table, self._acs, spare)

    async def _is_left(self, row: Row) -> bool:
        return is_spare(row)

    async def _reap(self, row: Row) -> None:
        if await self._has(row.partition_key, _user_id(row)):
            raise NotSafe  # one transaction stores a mapping and removes its spare: never both
        await reap(self._table, self._acs, row)

    async def _lacks_place(self, row: Row) -> bool:
        if not _is_mapping(row) or is_erasing(row) or principal_of(row).kind is not Kind.BOT:
            return False
        return await self._table.find(*_place_of(row)) is None

    async def _give_place(self, row: Row) -> None:
        """Write it first, and then look whether the bot is there: so an erasure of the bot removes
        it, or it is removed here."""
        place = await self._table.insert_if_absent(
            *_place_of(row), {"createdAt": row.values["createdAt"]}
        )
        current = await self._table.find(row.partition_key, row.row_key)
        if current is None or is_erasing(current):
            await self._table.remove_unchanged(place)
            raise RowChanged

    async def _is_needless_place(self, row: Row) -> bool:
        if not is_bot_place(row):
            return False
        return not any(map(_is_mapping, await self._table.list_for(mapping_of_place(row))))

    async def _reverse_of(self, row: Row) -> Row | None:
        return await self._table.find(owner_key(_user_id(row)), REVERSE_ROW)

    async def _has(self, partition: str, user_id: str) -> bool:
        """Whether a principal has a mapping to an identity, of whatever ACS resource."""
        rows = await self._table.list_for(partition)
        return any(_is_mapping(row) and _user_id(row) == user_id for row in rows)


def _is_reverse(row: Row) -> bool:
    return row.row_key == REVERSE_ROW


def _is_mapping(row: Row) -> bool:
    """Whether a row holds an identity that a principal has."""
    return not _is_reverse(row) and not is_spare(row) and not is_tombstone(row)


def _place_of(mapping: Row) -> tuple[str, str]:
    """The keys of the place of a bot."""
    bot = principal_of(mapping)
    return bots_key(bot.realm), bot_place(bot)


def _subjects_of_place(row: Row) -> Iterable[str]:
    return (*keys_of(row), mapping_of_place(row))


def _user_id(row: Row) -> str:
    return str(row.values["communicationUserId"])


def _owned(row: Row) -> str:
    """The partition of the reverse row of what a mapping or a spare holds; empty for others."""
    if _is_reverse(row) or "communicationUserId" not in row.values:
        return ""
    return owner_key(_user_id(row))


def _read(row: Row) -> None:
    if _is_reverse(row):
        _ = row.values["principal"]
    elif is_bot_place(row):
        BotPlace.of(row)
    elif is_spare(row):
        _user_id(row)
    elif _is_mapping(row):
        principal_of(row)
        identity_of(row)
    elif is_erasing(row):
        principal_of(row)
    else:
        _ = row.values["erasedAt"]
