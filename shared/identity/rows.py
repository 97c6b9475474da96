"""Rows of the table `identities`, and what they mean.

A mapping says which identity a principal has. Its row holds an active identity; or one that is
`erasing`; or it is a tombstone, which holds only the time of the erasure. That time stays when a
new person's identity replaces the tombstone. While a person without an identity is erased, the row
is `erasing` and names only the person.

A spare row is beside the mapping during an enrolment, and stays if that fails.

Each bot of a realm has a place: a row in one partition, by which the bots are counted. It is
written before its bot is enrolled, and again after that.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Self

from shared.keys import key, milliseconds, principal_key
from shared.principals import Kind, Principal
from shared.problems import BeingErased, Unauthenticated
from shared.tables import Row, Value

REVERSE_ROW = "principal"
_SPARE = "spare-"
_BOT_PLACE = "bot-"
_KEPT = "kept"


class Identity(NamedTuple):
    """A principal's ACS identity, as the mapping row holds it.

    Attributes:
        communication_user_id: ACS raw id, `8:acs:<resource>_<guid>`.
        generation: raised by every revocation; a cached token is used for its own generation only.
        version: of name and ACS id, which friends see: ms since 1970, higher at each change.
        is_announced: whether this version was copied to all friends.
        named_at: when the bearer token was issued that holds the name; None for the first name.
    """

    communication_user_id: str
    display_name: str | None
    generation: int
    version: int
    is_announced: bool
    named_at: datetime | None
    created_at: datetime
    row: Row


class BotPlace(NamedTuple):
    """The place of a bot among those of its realm.

    Attributes:
        attempt: names the request that has written it; empty as earlier versions wrote it, and as
            the check of data does.
        is_kept: whether the bot was there when it was written. Earlier versions did not tell.
    """

    created_at: datetime
    attempt: str
    is_kept: bool

    @classmethod
    def of(cls, row: Row) -> Self:
        values, created_at = row.values, row.values["createdAt"]
        if not isinstance(created_at, datetime):
            raise TypeError("a place of a bot whose createdAt is no time")
        attempt = str(values.get("attempt", ""))
        return cls(created_at.astimezone(UTC), attempt, values.get("state") == _KEPT)

    def values(self) -> dict[str, Value]:
        return {
            "createdAt": self.created_at,
            "attempt": self.attempt,
            "state": _KEPT if self.is_kept else "taken",
        }


def resource_key(resource: str) -> str:
    """The RowKey of every mapping to identities of one ACS resource."""
    return key("resource", resource)


def owner_key(communication_user_id: str) -> str:
    """The PartitionKey of the reverse row, which says who has this identity."""
    return key("owner of", communication_user_id)


def spare_row_key(communication_user_id: str) -> str:
    """The RowKey of a spare identity in its principal's partition."""
    return _SPARE + key("spare", communication_user_id)


def bots_key(realm: str) -> str:
    """The PartitionKey of the places of a realm's bots."""
    return key("bots of", realm)


def bot_place(bot: Principal) -> str:
    """The RowKey of a bot's place, which holds the PartitionKey of its mapping."""
    return place_of(principal_key(bot))


def place_of(mapping: str) -> str:
    """The same, of the bot whose mapping is under this PartitionKey."""
    return _BOT_PLACE + mapping


def is_bot_place(row: Row) -> bool:
    return row.row_key.startswith(_BOT_PLACE)


def mapping_of_place(row: Row) -> str:
    """The PartitionKey of the mapping of the bot that has a place."""
    return row.row_key.removeprefix(_BOT_PLACE)


def principal_of(row: Row) -> Principal:
    """The principal of a mapping; a tombstone does not name it."""
    values = row.values
    return Principal(Kind(str(values["kind"])), str(values["realm"]), str(values["id"]))


def new_mapping(
    principal: Principal, communication_user_id: str, display_name: str | None, at: datetime
) -> dict[str, Value]:
    """The values of a new mapping."""
    name: dict[str, Value] = {} if display_name is None else {"displayName": display_name}
    return {
        "kind": principal.kind.value,
        "realm": principal.realm,
        "id": principal.id,
        **name,
        "communicationUserId": communication_user_id,
        "generation": 0,
        "createdAt": at,
    }


def identity_of(row: Row) -> Identity:
    """Read a row that holds an identity, active or erasing."""
    values = row.values
    name, created_at = values.get("displayName"), values["createdAt"]
    named_at = values.get("namedAt")
    if not isinstance(created_at, datetime):
        raise TypeError("an identity row whose createdAt is no time")
    first_version = milliseconds(created_at)  # later friends copy it: it needs no announcement
    version = int(str(values.get("version", first_version)))
    return Identity(
        communication_user_id=str(values["communicationUserId"]),
        display_name=None if name is None else str(name),
        generation=int(str(values["generation"])),
        version=version,
        is_announced=version == int(str(values.get("toldVersion", first_version))),
        named_at=named_at.astimezone(UTC) if isinstance(named_at, datetime) else None,
        created_at=created_at.astimezone(UTC),
        row=row,
    )


def active_identity(row: Row) -> Identity | None:
    """The active identity of a row, None for a tombstone.

    Raises:
        BeingErased: the identity is erasing, so that no request is served from it.
    """
    if is_erasing(row):
        raise BeingErased
    return None if is_tombstone(row) else identity_of(row)


def is_tombstone(row: Row) -> bool:
    """Whether a mapping's row holds no identity; so does the mark of an erasure without one."""
    return "communicationUserId" not in row.values


def is_mapping(row: Row) -> bool:
    """Whether a row of a principal's partition is a mapping, of whatever ACS resource."""
    return not is_spare(row)


def has_identity(rows: Iterable[Row]) -> bool:
    """Whether a principal, whose rows these are, has an identity and is not being erased."""
    found = [row for row in rows if is_mapping(row)]
    return not any(map(is_erasing, found)) and not all(map(is_tombstone, found))


def is_spare(row: Row) -> bool:
    return row.row_key.startswith(_SPARE)


def is_reaping(row: Row) -> bool:
    """Whether somebody is deleting this spare identity, so that nobody may use it any more."""
    return row.values.get("reaping") is True


def is_erasing(row: Row) -> bool:
    return row.values.get("state") == "erasing"


def is_erased_since(row: Row, proven_at: datetime | None) -> bool:
    """Whether the erasure came after a bearer token was issued. Issuers count whole seconds."""
    erased_at = row.values.get("erasedAt")
    if proven_at is None or not isinstance(erased_at, datetime):
        return False
    return int(proven_at.timestamp()) <= int(erased_at.timestamp())


def refuse_if_erased_since(row: Row, proven_at: datetime | None) -> None:
    """Raises Unauthenticated if `is_erased_since`."""
    if is_erased_since(row, proven_at):
        what = "The person was erased after this token was issued"
        raise Unauthenticated(
            f"{what}; sign in again.",
            www_authenticate='Bearer realm="api", error="invalid_token",'
            f' error_description="{what}"',
        )
