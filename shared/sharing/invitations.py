"""Sharing calls: who may join which. `audiences` judges whom an owner may invite, `shared_calls`
writes the rows."""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.keys import principal_key
from shared.limits import Budget
from shared.principals import Caller, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    InvalidRequest,
    NotFound,
    Problem,
    TooManyShared,
    Unauthenticated,
)
from shared.sharing.audiences import Audience, Audiences, InvitedAudience, partitions_of
from shared.sharing.rows import (
    CallKind,
    Consent,
    Content,
    Invitation,
    JoinDetails,
    Role,
    SharedCallRecord,
    is_call_id,
    space_key,
)
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Table, Value
from shared.upstream.concurrency import for_each

# What one listing answers; a person or space with more live calls sees the soonest.
MOST_LISTED = 1000
# Of one owner, a minute and host: each is up to 350 writes.
_MOST_SHARINGS = 120
# Seconds that a listing gives to removing what it met of ended calls.
_TIDYING = 1.0


@dataclass(frozen=True)
class SharedCallView:
    """A call as somebody sees it who may join; `details` where it was opened, not in a list."""

    call_id: str
    content: Content
    mine: bool
    details: JoinDetails | None = None

    @classmethod
    def of(cls, record: SharedCallRecord, viewer: str) -> "SharedCallView":
        assert record.content is not None  # noqa: S101
        return cls(record.call_id, record.content, record.owner == viewer, record.details)


class Invitations:
    """Whether there is no such call, or it is not meant for the caller, is one answer."""

    def __init__(
        self,
        listings: Table,
        calls: SharedCalls,
        friendships: Friendships,
        identities: Identities,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listings = listings
        self._calls = calls
        self._audiences = Audiences(listings, calls, friendships, now)
        self._friendships = friendships
        self._identities = identities
        self._now = now
        self._sharings = Budget(_MOST_SHARINGS, now)

    async def share(
        self, caller: Caller, call_id: str, content: Content, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        """Share a call, or change how it is shared: the audience is replaced. Repeatable.

        Returns, raises:
            As `publish`; raises as `prepare` too.
        """
        invited = await self.prepare(caller, call_id, audience)
        return await self.publish(caller, call_id, content, invited)

    async def prepare(self, caller: Caller, call_id: str, audience: Audience) -> InvitedAudience:
        """Whom the caller is about to invite; nothing is shared yet.

        Raises:
            InvalidRequest: whom the caller may not invite, or too many.
            TooManyShared: the caller's calls, those of them in the space, or sharings in a minute.
        """
        self._sharings.spend(caller.principal)
        await self._admitted(caller, call_id, audience)
        try:
            return await self._audiences.admit(caller, call_id, audience)
        except (InvalidRequest, TooManyShared):
            # As it was: also where a kill has left a half.
            await self._calls.finish(principal_key(caller.principal), call_id)
            raise

    async def publish(
        self,
        caller: Caller,
        call_id: str,
        content: Content,
        invited: InvitedAudience,
        details: JoinDetails | None = None,
        confirm: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[SharedCallView, int, bool]:
        """Share a call with those who were prepared.

        Args:
            confirm: raises Conflict where what is shared is there no longer; asked afterwards.

        Returns:
            The call, how many people are invited, and whether it was not shared before.

        Raises:
            TooManyShared: others of the caller's calls have come into the space meanwhile.
            Conflict: others changed it at the same time.
        """
        owner = principal_key(caller.principal)
        wanted = SharedCallRecord(
            call_id=call_id,
            change_id=uuid.uuid4().hex,
            owner=owner,
            realm=caller.principal.realm,
            proven_at=caller.issued_at,
            consent=invited.consent,
            content=content,
            invitees=invited.invitees,
            space=invited.space,
            details=details,
        )
        before = await self._calls.claim(wanted, lambda: self._admitted(caller, call_id))
        synchronized = await self._calls.synchronize(call_id)
        try:
            await self._audiences.refuse_full_space(invited.space, owner, call_id)
            if confirm is not None:
                await confirm()
        except (TooManyShared, Conflict):
            await self._calls.undo(wanted, before)
            raise
        await self._admitted(caller, call_id)
        if synchronized is None or synchronized.content is None:
            raise Conflict
        new = before is None or not before.is_live(self._now())
        return SharedCallView.of(synchronized, owner), len(synchronized.invitees), new

    async def unshare(self, caller: Caller, call_id: str, kind: CallKind) -> None:
        """Take a call back from everybody; fine where there is none of the caller's."""
        await self._admitted(caller, call_id)
        if not is_call_id(call_id):
            return
        owner = principal_key(caller.principal)
        record, pointer = await asyncio.gather(
            self._calls.find(call_id), self._listings.find(owner, call_id)
        )
        if record is None:
            if pointer is not None:
                await self._calls.finish(owner, call_id)
        elif record.owner == owner and (record.content is None or record.content.kind is kind):
            await self._calls.end(call_id)

    async def open(self, caller: Caller, call_id: str) -> SharedCallView:
        """One call that the caller may join.

        Raises:
            NotFound: for whatever reason.
        """
        if not is_call_id(call_id):
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
                return SharedCallView.of(record, me)
        raise NotFound("There is no such invitation.")

    async def list_for(self, caller: Caller, space: str | None) -> list[SharedCallView]:
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
                await self._calls.remove_ended([one for one in found if one.has_ended(now)])
        listed = [
            SharedCallView(one.call_id, one.content, one.owner == me) for one in live if one.content
        ]
        listed.sort(key=lambda shared: (shared.content.due_at, shared.call_id))
        return listed[:MOST_LISTED]

    async def withdraw_between(self, one: Principal, other: Principal) -> None:
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
            await for_each(map(Invitation.of, rows), self._calls.uninvite)

    async def erase(self, principal: Principal) -> None:
        """Unshare everything of a person, and remove all their invitations; repeatable."""
        me, more = principal_key(principal), True
        while more:
            rows, more = await self._listings.page(me)
            found = [Invitation.of(row) for row in rows]
            await for_each(
                [one for one in found if one.role is not Role.OWNER], self._calls.uninvite
            )
            for own in found:
                if own.role is Role.OWNER:
                    await self._calls.end(own.call_id)
                    await self._calls.finish(me, own.call_id)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """What a person shares, and what is shared with them."""
        me = principal_key(principal)
        rows = [Invitation.of(row) for row in await self._listings.list_for(me)]
        return [
            {"callId": row.call_id, "role": row.role.value, **row.content.values()}
            for row in await self._consented(me, rows)
            if row.content is not None
        ]

    async def _admitted(
        self, caller: Caller, call_id: str, audience: Audience | None = None
    ) -> None:
        """Admit the caller. One who was erased while a request of theirs died may have left the
        call behind, which its repetition ends; not one of who came after them by the same name."""
        owner = principal_key(caller.principal)
        try:
            await self._identities.admit(caller)
        except (Unauthenticated, BeingErased):
            if is_call_id(call_id):
                await self._calls.end(
                    call_id,
                    lambda found: found.owner == owner and found.proven_at <= caller.issued_at,
                )
                await self._calls.finish(owner, call_id)
                await self._calls.clear(call_id, partitions_of(caller.principal.realm, audience))
            raise

    async def _holds(self, record: SharedCallRecord, invitee: str) -> bool:
        """Does what let the owner invite somebody still hold? On each side's own word."""
        if record.consent is not Consent.FRIENDSHIP:
            return True
        words = await asyncio.gather(
            self._friendships.has_accepted(invitee, record.owner),
            self._friendships.has_accepted(record.owner, invitee),
        )
        return all(words)

    async def _consented(self, me: str, rows: list[Invitation]) -> list[Invitation]:
        """Without invitations by who is a friend of the caller no longer: a request that died may
        have left some."""

        def by_friendship(row: Invitation) -> bool:
            return row.role is Role.INVITEE and row.consent is Consent.FRIENDSHIP

        if not any(map(by_friendship, rows)):
            return rows
        friends = await self._friendships.mutual_friends(me)
        return [row for row in rows if not by_friendship(row) or row.owner in friends]
