"""The rows that are stored when a measure begins, in the form in which the service writes them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import people
from shared.calls.participants import Participant
from shared.calls.rows import RECORD_ROW, Call, CallState
from shared.friends.rows import Decision, Friendship, Profile
from shared.identity.rows import new_mapping, resource_key
from shared.keys import milliseconds
from shared.sharing.rows import CallKind, Consent, Content, Host, Role, SharedCallRecord, call_key
from shared.stored_rows import Value, entity_of
from shared.tables import CALLS, FRIENDS, IDENTITIES, INVITATIONS

# Callers of `pairs`, few enough for their tokens to be remembered; owners of `sharers`; calls of
# `calls`.
PAIRS, SHARERS, LIVE_CALLS = 100, 20, 1000
# How many friends user-0, user-1 and user-2 have, and how many invitations each of `listers` has.
FRIENDS_OF, INVITATIONS_OF = (1, 100, 1000), (1, 10, 100, 1000)
# A person may list their invitations 120 times a minute: so many people list in turn.
LISTERS = 40
MOST_INVITED = 350

MAPPING_ROW = resource_key(people.RESOURCE_ID)

type StoredRow = tuple[str, str, str, Mapping[str, Value]]
type Rows = Callable[[], Iterator[StoredRow]]


def no_rows() -> Iterator[StoredRow]:
    return iter(())


def identities(number: int) -> Rows:
    """The mappings of user-0 and so on."""
    return lambda: _mappings(map(people.name, range(number)))


def pairs() -> Iterator[StoredRow]:
    """Each of the callers, and a friend of theirs."""
    for n in range(PAIRS):
        caller = people.name(n)
        yield from _mappings([caller])
        yield from _friendship(caller, friend_of(caller), is_mirrored=True)


def buddy_lists() -> Iterator[StoredRow]:
    for n, number in enumerate(FRIENDS_OF):
        yield from _mappings([people.name(n)])
        for friend in friends_of(people.name(n), number):
            yield from _friendship(people.name(n), friend)


def sharers() -> Iterator[StoredRow]:
    """Owners with as many friends as a call takes, all of whom have an identity."""
    for n in range(SHARERS):
        owner = people.name(n)
        friends = friends_of(owner, MOST_INVITED)
        yield from _mappings([owner, *friends])
        for friend in friends:
            yield from _friendship(owner, friend, is_mirrored=True)


def invitees() -> Iterator[StoredRow]:
    """People who are invited to calls of a friend."""
    for place, number in enumerate(INVITATIONS_OF):
        for user in map(people.name, listers(place)):
            yield from _mappings([user])
            yield from _friendship(user, friend_of(user))
            for call in range(number):
                yield from _invitation(user, friend_of(user), call)


def listers(place: int) -> range:
    """The users who have as many invitations as `INVITATIONS_OF` says at this place."""
    return range(place * LISTERS, (place + 1) * LISTERS)


def calls() -> Iterator[StoredRow]:
    """Calls that go on."""
    creator, now = people.mapping_key(people.name(0)), datetime.now(UTC)
    for n in range(LIVE_CALLS):
        call = Call(
            call_id(n),
            creator,
            people.ISSUER,
            now,
            state=CallState.CONNECTED,
            connection_id=connection_id(n),
            server_call_id=f"server-{n}",
            connected_at=now,
            participants=(Participant(people.acs_id(people.name(n))),),
        )
        yield CALLS, call.call_id, RECORD_ROW, call.values()


def friend_of(user: str) -> str:
    return f"friend-of-{user}"


def friends_of(user: str, number: int) -> list[str]:
    return [f"friend-{n}-of-{user}" for n in range(number)]


def call_id(number: int) -> str:
    return f"{number:032x}"


def connection_id(number: int) -> str:
    return f"connection-{number}"


def write_rows(rows: Iterable[StoredRow], file: Path) -> None:
    """As the stub reads them."""
    with file.open("w", encoding="utf-8") as lines:
        for table, partition_key, row_key, values in rows:
            entity = entity_of(partition_key, row_key, values)
            lines.write(json.dumps([table, entity]) + "\n")


def _mappings(users: Iterable[str]) -> Iterator[StoredRow]:
    now = datetime.now(UTC)
    for user in users:
        values = new_mapping(people.principal(user), people.acs_id(user), None, now)
        yield IDENTITIES, people.mapping_key(user), MAPPING_ROW, values


def _friendship(user: str, friend: str, *, is_mirrored: bool = False) -> Iterator[StoredRow]:
    """The user's row about a friend, and the friend's about the user."""
    sides = [(user, friend), (friend, user)] if is_mirrored else [(user, friend)]
    seq = milliseconds(datetime.now(UTC))
    for owner, other in sides:
        keys = people.mapping_key(owner), people.mapping_key(other)
        profile = Profile(seq, f"Name of {other}", people.acs_id(other), MAPPING_ROW)
        row = Friendship(*keys, other, Decision.YES, seq, Decision.YES, seq, profile)
        yield FRIENDS, *keys, row.values()


def _invitation(user: str, sharer: str, number: int) -> Iterator[StoredRow]:
    now, owner = datetime.now(UTC), people.principal(sharer)
    content = Content(
        kind=CallKind.GROUP_CALL,
        locator={"groupId": str(number)},
        title=f"Call {number}",
        starts_at=now + timedelta(minutes=number),
        ends_at=None,
        shared_at=now,
        host=Host(sharer, f"Name of {sharer}"),
    )
    me, call = people.mapping_key(user), call_key(owner, CallKind.GROUP_CALL, str(number))
    record = SharedCallRecord(
        call,
        "stored",
        people.mapping_key(sharer),
        people.ISSUER,
        now,
        Consent.FRIENDSHIP,
        content,
        frozenset({me}),
    )
    yield INVITATIONS, me, call, record.invitation_for(me, Role.INVITEE).values()
