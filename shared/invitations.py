"""Sharing calls: who may join which, and how.

The record of a call is claimed first; then the rows of its audience are made to follow it; then
one looks again, at the record and at what lets the owner invite each of them, and takes back what
no longer holds. Whoever withdraws (a friend, an erased person, the owner) says so first and removes
the rows after: of the two, one always sees the other. A request that was killed in between is
finished by its repetition.
"""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.friend_rows import State
from shared.friendships import Friendships
from shared.identities import Identities
from shared.identity_rows import principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    Problem,
    TooManyShared,
    Unauthenticated,
)
from shared.sharing_rows import (
    RECORD_ROW,
    CallKind,
    Consent,
    Content,
    Invitation,
    Record,
    Role,
    space_key,
)
from shared.tables import RowChanged, Table, Value
from shared.token_cache import Budget
from shared.upstream import each

# ACS lets so many into a group call.
MOST_INVITEES = 350
MOST_IN_SPACE = 10
# What one listing answers; a person or space with more live calls sees the soonest.
MOST_LISTED = 1000
# Of one owner, a minute and host: each is up to 350 writes.
_MOST_SHARINGS = 120
# Rows of ended calls that one listing removes.
_FEW = 20
_TRIES = 10
_CALL_ID = re.compile("[0-9a-f]{64}")
# The app role whose holders may name anyone of their realm.
MANAGER = "Calls.Manage"


@dataclass(frozen=True)
class Audience:
    """With whom a call is shared: exactly one of the three."""

    friends: bool = False
    users: tuple[str, ...] | None = None
    space: str | None = None


@dataclass(frozen=True)
class Shared:
    """A call as somebody sees it who may join."""

    call_id: str
    content: Content
    mine: bool


class Invitations:
    """Whether there is no such call, or it is not meant for the caller, is one answer."""

    def __init__(
        self,
        listings: Table,
        records: Table,
        friendships: Friendships,
        identities: Identities,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listings = listings
        self._records = records
        self._friendships = friendships
        self._identities = identities
        self._now = now
        self._sharings = Budget(_MOST_SHARINGS, now)

    async def share(
        self, caller: Caller, call_id: str, content: Content, audience: Audience
    ) -> tuple[Shared, int, bool]:
        """Share a call, or change how it is shared: the audience is replaced. Repeatable.

        Returns:
            The call, how many people are invited, and whether it was not shared before.

        Raises:
            InvalidRequest: whom the caller may not invite, or too many.
            TooManyShared: the caller's live calls in the space, or sharings in a minute.
            Conflict: others changed it at the same time.
        """
        self._sharings.spend(caller.principal)
        await self._identities.admit(caller)
        owner, realm = principal_key(caller.principal), caller.principal.realm
        invitees, consent = await self._invited(caller, audience)
        space = "" if audience.space is None else space_key(realm, audience.space)
        await self._refuse_crowd(space, owner, call_id)
        wanted = Record(
            call_id, uuid.uuid4().hex, owner, realm, consent, content, invitees, space=space
        )
        new = await self._claim(wanted)
        try:
            settled = await self._settle(call_id)
            await self._refuse_crowd(space, owner, call_id)
            await self._identities.admit(caller)
        except (Unauthenticated, BeingErased, TooManyShared):
            await self._end(call_id)
            raise
        if settled is None or settled.content is None:
            raise Conflict
        return Shared(call_id, settled.content, mine=True), len(settled.invitees), new

    async def unshare(self, caller: Caller, call_id: str, kind: CallKind) -> None:
        """Take a call back from everybody; fine where there is none of the caller's."""
        await self._identities.admit(caller)
        if not _CALL_ID.fullmatch(call_id):
            return
        owner = principal_key(caller.principal)
        found = await self._listings.find(owner, call_id)
        record = await self._record(call_id)
        if record is None:  # at most what a sharing left that never came to its record
            if found is not None and Invitation.of(found).role is Role.OWNER:
                with contextlib.suppress(RowChanged):
                    await self._listings.remove_unchanged(found)
        elif record.owner == owner and (record.content is None or record.content.kind is kind):
            await self._end(call_id)

    async def open(self, caller: Caller, call_id: str) -> Shared:
        """One call that the caller may join.

        Raises:
            NotFound: for whatever reason.
        """
        if not _CALL_ID.fullmatch(call_id):
            call_id = "0" * 64
        me = principal_key(caller.principal)
        _, record, row = await asyncio.gather(
            self._identities.admit(caller),
            self._record(call_id),
            self._listings.find(me, call_id),
        )
        if record is not None and record.content is not None and record.is_live(self._now()):
            invited = me in record.invitees and row is not None
            in_space = record.space != "" and record.realm == caller.principal.realm
            if invited or in_space or record.owner == me:
                return Shared(call_id, record.content, mine=record.owner == me)
        raise NotFound("There is no such invitation.")

    async def list_for(self, caller: Caller, space: str | None) -> list[Shared]:
        """What the caller may join or shares, or what a space holds: soonest first, at most 1,000.

        A few of the ended ones that it meets are removed.
        """
        me = principal_key(caller.principal)
        partition = me if space is None else space_key(caller.principal.realm, space)
        _, rows = await asyncio.gather(
            self._identities.admit(caller), self._listings.list_for(partition)
        )
        found, now = [Invitation.of(row) for row in rows], self._now()
        live = [
            Shared(invitation.call_id, invitation.content, invitation.owner == me)
            for invitation in found
            if invitation.content is not None and invitation.content.gone_at > now
        ]
        with contextlib.suppress(Problem):  # the next listing will
            await self._tidy([one for one in found if one.content and one.content.gone_at <= now])
        live.sort(key=lambda shared: (shared.content.due_at, shared.call_id))
        return live[:MOST_LISTED]

    async def part(self, one: Principal, other: Principal) -> None:
        """Two are friends no longer: neither is invited to what the other shared with friends."""
        for invitee, owner in ((one, other), (other, one)):
            rows = await self._listings.list_for(
                principal_key(invitee),
                "owner eq @owner and role eq @role and consent eq @consent",
                {
                    "owner": principal_key(owner),
                    "role": Role.INVITEE.value,
                    "consent": Consent.FRIENDSHIP.value,
                },
            )
            for row in rows:
                await self._drop(Invitation.of(row))

    async def forget(self, principal: Principal) -> None:
        """Unshare everything of a person, and remove all their invitations; repeatable."""

        for row in map(Invitation.of, await self._listings.list_for(principal_key(principal))):
            if row.role is Role.OWNER:
                await self._end(row.call_id)
                await self._listings.remove(row.partition, row.call_id)
            else:
                await self._drop(row)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """What a person shares, and what is shared with them."""
        rows = [
            Invitation.of(row) for row in await self._listings.list_for(principal_key(principal))
        ]
        return [
            {"callId": row.call_id, "role": row.role.value, **row.content.values()}
            for row in rows
            if row.content is not None
        ]

    async def _drop(self, invitation: Invitation) -> None:
        """Uninvite somebody: from the record, then their row, which is what points to it."""
        for _ in range(_TRIES):
            found = await self._record(invitation.call_id)
            if found is None or found.row is None or invitation.partition not in found.invitees:
                break
            rest = replace(found, invitees=found.invitees - {invitation.partition})
            try:
                await self._records.replace(found.row, rest.values())
            except RowChanged:
                continue
            break
        # Where the row was written anew, its writer looks again after us.
        if invitation.row is not None:
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(invitation.row)

    async def _invited(self, caller: Caller, audience: Audience) -> tuple[frozenset[str], Consent]:
        """The mappings' keys of whom the caller may invite.

        Raises:
            InvalidRequest: somebody is none of them; nobody learns why.
        """
        me = caller.principal
        if audience.friends:
            accepted = await self._friendships.some(me, State.ACCEPTED, MOST_INVITEES + 1)
            if len(accepted) > MOST_INVITEES:
                message = f"are more than {MOST_INVITEES}, the most that ACS lets into a call"
                fault = Fault("body", "audience.friends", message)
                raise InvalidRequest(f"Your friends {message}.", faults=[fault])
            return frozenset(accepted), Consent.FRIENDSHIP
        manager = MANAGER in caller.roles
        consent = Consent.ROLE if manager else Consent.FRIENDSHIP
        named = {
            user: principal_key(Principal(Kind.USER, me.realm, user))
            for user in dict.fromkeys(audience.users or ())
            if user != me.id
        }
        unwilling = await self._unwilling(principal_key(me), consent, named.values())
        message = "has no identity here" if manager else "is not an accepted friend of yours"
        faults = [
            Fault("body", f"audience.users.{(audience.users or ()).index(user)}", message)
            for user, invitee in named.items()
            if invitee in unwilling
        ]
        if faults:
            raise InvalidRequest(f"Somebody who is named {message}.", faults=faults)
        return frozenset(named.values()), consent

    async def _unwilling(
        self, owner: str, consent: Consent, invitees: Iterable[str]
    ) -> frozenset[str]:
        """Those whom the owner may not, or no longer, invite; on each side's own word."""
        unwilling = set[str]()
        asked = list(invitees)
        if not asked:
            return frozenset()
        said_yes = (
            await self._friendships.said_yes_to(owner) if consent is Consent.FRIENDSHIP else set()
        )

        async def look(invitee: str) -> None:
            if consent is Consent.ROLE:
                willing = await self._identities.stands(invitee)
            else:
                willing = await self._friendships.says_yes(invitee, owner) and invitee in said_yes
            if not willing:
                unwilling.add(invitee)

        await each(asked, look)
        return frozenset(unwilling)

    async def _refuse_crowd(self, space: str, owner: str, call_id: str) -> None:
        """Raises TooManyShared where the owner has so many live calls in the space beside this."""
        if not space:
            return
        rows = await self._listings.list_for(space, "owner eq @owner", {"owner": owner})
        now = self._now()
        others = [
            one
            for one in map(Invitation.of, rows)
            if one.call_id != call_id and one.content and one.content.gone_at > now
        ]
        if len(others) >= MOST_IN_SPACE:
            raise TooManyShared(
                f"You share {MOST_IN_SPACE} calls in that space: unshare one first."
            )

    async def _claim(self, wanted: Record) -> bool:
        """Make the record say what is wanted; returns whether the call was not shared before."""
        pointer = replace(wanted, content=None).row_for(wanted.owner, Role.OWNER)
        # First, so that an erasure of the owner finds whatever there will be.
        await self._listings.insert_if_absent(wanted.owner, wanted.call_id, pointer.values())
        for _ in range(_TRIES):
            found = await self._record(wanted.call_id)
            try:
                if found is None:
                    row = await self._records.insert_if_absent(
                        wanted.call_id, RECORD_ROW, wanted.values()
                    )
                    if Record.of(row).sharing == wanted.sharing:
                        return True
                elif found.leaving or found.former_space:
                    await self._settle(wanted.call_id)  # what an earlier request did not finish
                elif found.row is not None:
                    before = replace(
                        wanted,
                        leaving=found.invitees - wanted.invitees,
                        former_space="" if found.space == wanted.space else found.space,
                    )
                    await self._records.replace(found.row, before.values())
                    return not found.is_live(self._now())
            except RowChanged:
                continue
        raise Conflict

    async def _end(self, call_id: str) -> None:
        """Say that a call is shared no longer, and remove everything about it; repeatable."""
        for _ in range(_TRIES):
            found = await self._record(call_id)
            if found is None or found.row is None:
                return
            try:
                if found.content is not None:
                    ended = replace(found, content=None, sharing=uuid.uuid4().hex)
                    await self._records.replace(found.row, ended.values())
            except RowChanged:
                continue
            await self._settle(call_id)
            return
        raise Conflict

    async def _settle(self, call_id: str) -> Record | None:
        """Make all rows say what the record says, whoever else is at it.

        Returns:
            The record; None once there is none, because it had ended.
        """
        touched = set[str]()
        for _ in range(_TRIES):
            record = await self._record(call_id)
            if record is None:
                if not touched:
                    return None
                await self._remove(touched, call_id)
                touched.clear()
                continue  # who shares it anew may have written theirs meanwhile
            await self._follow(record, touched)
            settled = replace(record, leaving=frozenset(), former_space="")
            if record.content is not None:
                unwilling = await self._unwilling(record.owner, record.consent, record.invitees)
                await self._remove(unwilling, call_id)
                settled = replace(settled, invitees=record.invitees - unwilling)
            now = await self._record(call_id)
            if now is None or now.row is None or now != record:
                continue  # others have changed it, and may have done so before our writes
            try:
                if record.content is None:
                    # The record first: an erasure finds it by the owner's row.
                    pointer = await self._listings.find(record.owner, call_id)
                    await self._records.remove_unchanged(now.row)
                    if pointer is not None:
                        with contextlib.suppress(RowChanged):
                            await self._listings.remove_unchanged(pointer)
                    return None
                if settled != record:
                    return Record.of(await self._records.replace(now.row, settled.values()))
            except RowChanged:
                continue
            return record
        raise Conflict

    async def _follow(self, record: Record, touched: set[str]) -> None:
        """Write the rows of the audience, and remove those that are not of it."""
        shown: dict[str, Role] = {}
        if record.content is not None:
            shown = dict.fromkeys(record.invitees, Role.INVITEE)
            shown[record.owner] = Role.OWNER
            if record.space:
                shown[record.space] = Role.SPACE

        async def write(partition: str) -> None:
            row = record.row_for(partition, shown[partition])
            await self._listings.put(partition, record.call_id, row.values())

        former = {*record.invitees, *record.leaving, record.space, record.former_space, *touched}
        touched.update(shown)
        await self._remove(former - shown.keys() - {"", record.owner}, record.call_id)
        await each(shown, write)

    async def _remove(self, partitions: Iterable[str], call_id: str) -> None:
        await each(partitions, lambda partition: self._listings.remove(partition, call_id))

    async def _tidy(self, ended: list[Invitation]) -> None:
        """Remove some rows of ended calls: of one's own, everybody's before the record."""
        left = _FEW
        for invitation in ended:
            if left <= 0:
                return
            if invitation.role is Role.OWNER:
                left -= await self._tidy_own(invitation, left)
            else:
                left -= 1
                await self._remove_ended(invitation.partition, invitation.call_id)

    async def _tidy_own(self, own: Invitation, most: int) -> int:
        record = await self._record(own.call_id)
        if record is None or record.row is None:
            await self._remove_ended(own.partition, own.call_id)
            return 1
        if record.is_live(self._now()):
            return 0  # shared anew just now
        everybody = sorted({*record.invitees, *record.leaving, record.space, record.former_space})
        some = [partition for partition in everybody if partition][:most]
        await each(some, lambda partition: self._remove_ended(partition, own.call_id))
        gone = frozenset(some)
        with contextlib.suppress(RowChanged):
            if len(some) == most:
                rest = replace(
                    record,
                    invitees=record.invitees - gone,
                    leaving=record.leaving - gone,
                    space="" if record.space in gone else record.space,
                    former_space="" if record.former_space in gone else record.former_space,
                )
                await self._records.replace(record.row, rest.values())
            else:
                await self._records.remove_unchanged(record.row)
                await self._remove_ended(own.partition, own.call_id)
        return len(some) + 1

    async def _remove_ended(self, partition: str, call_id: str) -> None:
        row = await self._listings.find(partition, call_id)
        content = None if row is None else Invitation.of(row).content
        if row is not None and content is not None and content.gone_at <= self._now():
            with contextlib.suppress(RowChanged):
                await self._listings.remove_unchanged(row)

    async def _record(self, call_id: str) -> Record | None:
        row = await self._records.find(call_id, RECORD_ROW)
        return None if row is None else Record.of(row)
