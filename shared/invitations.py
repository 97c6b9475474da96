"""Sharing calls: who may share which with whom, and who may join; how is `shared.shared_calls`."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
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
from shared.shared_calls import SharedCalls
from shared.sharing_rows import (
    CallKind,
    Consent,
    Content,
    Invitation,
    Record,
    Role,
    space_key,
)
from shared.tables import Table, Value
from shared.token_cache import Budget
from shared.upstream import each

# ACS lets so many into a group call.
MOST_INVITEES = 350
# Calls that one person shares at a time, and those of them in one space.
MOST_CALLS = 100
MOST_IN_SPACE = 10
# What one listing answers; a person or space with more live calls sees the soonest.
MOST_LISTED = 1000
# Of one owner, a minute and host: each is up to 350 writes.
_MOST_SHARINGS = 120
# Seconds that a listing gives to removing what it met of ended calls.
_TIDYING = 1.0
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
        self._calls = SharedCalls(listings, records, friendships, identities, now)
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
            TooManyShared: the caller's calls, those of them in the space, or sharings in a minute.
            Conflict: others changed it at the same time.
        """
        self._sharings.spend(caller.principal)
        await self._admitted(caller, call_id)
        owner, realm = principal_key(caller.principal), caller.principal.realm
        space = "" if audience.space is None else space_key(realm, audience.space)
        try:
            invitees, consent = await self._invited(caller, audience)
            await self._make_room(owner, call_id)
            await self._refuse_crowd(space, owner, call_id)
        except (InvalidRequest, TooManyShared):
            await self._calls.finish(owner, call_id)  # as it was: also where a kill left a half
            raise
        wanted = Record(
            call_id=call_id,
            sharing=uuid.uuid4().hex,
            owner=owner,
            realm=realm,
            proven_at=caller.issued_at,
            consent=consent,
            content=content,
            invitees=invitees,
            space=space,
        )
        before = await self._calls.claim(wanted)
        settled = await self._calls.settle(call_id)
        try:
            await self._refuse_crowd(space, owner, call_id)  # others may have come meanwhile
        except TooManyShared:
            await self._calls.undo(wanted, before)
            raise
        await self._admitted(caller, call_id)
        if settled is None or settled.content is None:
            raise Conflict
        new = before is None or not before.is_live(self._now())
        return Shared(call_id, settled.content, mine=True), len(settled.invitees), new

    async def unshare(self, caller: Caller, call_id: str, kind: CallKind) -> None:
        """Take a call back from everybody; fine where there is none of the caller's."""
        await self._admitted(caller, call_id)
        if not _CALL_ID.fullmatch(call_id):
            return
        owner = principal_key(caller.principal)
        record = await self._calls.find(call_id)
        if record is None:
            await self._calls.finish(owner, call_id)
        elif record.owner == owner and (record.content is None or record.content.kind is kind):
            await self._calls.end(call_id)

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
            self._calls.find(call_id),
            self._listings.find(me, call_id),
        )
        if record is not None and record.content is not None and record.is_live(self._now()):
            in_space = record.space != "" and record.realm == caller.principal.realm
            if (
                record.owner == me
                or in_space
                or (me in record.invitees and row is not None and await self._holds(record, me))
            ):
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
        live = await self._consented(me, [one for one in found if one.is_live(now)])
        with contextlib.suppress(Problem, TimeoutError):  # the next listing will
            async with asyncio.timeout(_TIDYING):
                await self._calls.tidy([one for one in found if one.has_ended(now)])
        listed = [Shared(one.call_id, one.content, one.owner == me) for one in live if one.content]
        listed.sort(key=lambda shared: (shared.content.due_at, shared.call_id))
        return listed[:MOST_LISTED]

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
            await each(map(Invitation.of, rows), self._calls.drop)

    async def forget(self, principal: Principal) -> None:
        """Unshare everything of a person, and remove all their invitations; repeatable."""
        me, more = principal_key(principal), True
        while more:
            rows, more = await self._listings.page(me)
            found = [Invitation.of(row) for row in rows]
            await each([one for one in found if one.role is not Role.OWNER], self._calls.drop)
            for own in found:
                if own.role is Role.OWNER:
                    await self._calls.end(own.call_id)
                    await self._calls.finish(me, own.call_id)

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

    async def _admitted(self, caller: Caller, call_id: str) -> None:
        """Admit the caller. One who was erased while a request of theirs died may have left the
        call behind, which its repetition ends; not one of who came after them by the same name."""
        owner = principal_key(caller.principal)
        try:
            await self._identities.admit(caller)
        except (Unauthenticated, BeingErased):
            if _CALL_ID.fullmatch(call_id):
                await self._calls.end(
                    call_id,
                    lambda found: found.owner == owner and found.proven_at <= caller.issued_at,
                )
            raise

    async def _holds(self, record: Record, invitee: str) -> bool:
        """Does what let the owner invite somebody still hold? On each side's own word."""
        if record.consent is not Consent.FRIENDSHIP:
            return True
        words = await asyncio.gather(
            self._friendships.says_yes(invitee, record.owner),
            self._friendships.says_yes(record.owner, invitee),
        )
        return all(words)

    async def _consented(self, me: str, rows: list[Invitation]) -> list[Invitation]:
        """Without invitations by who is a friend of the caller no longer: a request that died may
        have left some."""

        def by_friendship(row: Invitation) -> bool:
            return row.role is Role.INVITEE and row.consent is Consent.FRIENDSHIP

        if not any(map(by_friendship, rows)):
            return rows
        friends = await self._friendships.accepted(me)
        return [row for row in rows if not by_friendship(row) or row.owner in friends]

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
        unwilling = await self._calls.unwilling(principal_key(me), consent, named.values())
        message = "has no identity here" if manager else "is not an accepted friend of yours"
        faults = [
            Fault("body", f"audience.users.{(audience.users or ()).index(user)}", message)
            for user, invitee in named.items()
            if invitee in unwilling
        ]
        if faults:
            raise InvalidRequest(f"Somebody who is named {message}.", faults=faults)
        return frozenset(named.values()), consent

    async def _make_room(self, owner: str, call_id: str) -> None:
        """Raises TooManyShared where the owner shares so many calls; one that has ended is removed
        in favour of a new one. What is under way at the same time is not counted."""
        rows = await self._listings.list_for(owner, "role eq @role", {"role": Role.OWNER.value})
        if len(rows) < MOST_CALLS or call_id in {row.row_key for row in rows}:
            return
        now = self._now()
        ended = [one for one in map(Invitation.of, rows) if not one.is_live(now)]
        if not ended:
            raise TooManyShared(f"You share {MOST_CALLS} calls: unshare one first.")
        await self._calls.end(ended[0].call_id, lambda record: not record.is_live(now))
        await self._calls.finish(owner, ended[0].call_id)

    async def _refuse_crowd(self, space: str, owner: str, call_id: str) -> None:
        """Raises TooManyShared where the owner has so many live calls in the space beside this."""
        if not space:
            return
        rows = await self._listings.list_for(space, "owner eq @owner", {"owner": owner})
        now = self._now()
        others = [
            one for one in map(Invitation.of, rows) if one.call_id != call_id and one.is_live(now)
        ]
        if len(others) >= MOST_IN_SPACE:
            raise TooManyShared(
                f"You share {MOST_IN_SPACE} calls in that space: unshare one first."
            )
