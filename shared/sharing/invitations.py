"""Shares calls, lists them and opens them: who may join which call.

`audiences` checks whom an owner may invite; `shared_calls` writes the rows.
"""

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
from shared.sharing.consent import ConsentChecks
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

# How many calls one listing shows: if there are more, those that begin first.
MOST_LISTED = 1000
# How often one owner may share, per minute and host: each time costs up to 350 writes.
_MOST_SHARINGS = 120
# How many seconds a listing spends on removing the ended calls that it found.
_TIDYING_SECONDS = 1.0
_NO_INVITATION = "There is no such invitation."


@dataclass(frozen=True)
class SharedCallView:
    """A call as somebody who may join sees it.

    Attributes:
        mine: whether the viewer shares it.
        details: how to join a Teams meeting; None in a listing, where nothing is opened.
    """

    call_id: str
    content: Content
    mine: bool
    details: JoinDetails | None = None

    @classmethod
    def of(cls, record: SharedCallRecord, viewer: str) -> "SharedCallView":
        assert record.content is not None  # noqa: S101
        return cls(record.call_id, record.content, record.owner == viewer, record.details)


class Invitations:
    """Decides who may join which call.

    "There is no such call" and "it is not shared with you" are the same answer, so that nobody
    learns which calls exist.
    """

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
        self._consents = ConsentChecks(friendships, identities)
        self._audiences = Audiences(listings, calls, friendships, self._consents, now)
        self._identities = identities
        self._now = now
        self._sharings = Budget(_MOST_SHARINGS, now)

    async def share(
        self, caller: Caller, call_id: str, content: Content, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        """Share a call, or share it again, which replaces its audience. Repeatable.

        Returns as `publish`; raises as `prepare` and `publish`.
        """
        invited = await self.prepare(caller, call_id, audience)
        return await self.publish(caller, call_id, content, invited)

    async def prepare(self, caller: Caller, call_id: str, audience: Audience) -> InvitedAudience:
        """Check whom the caller wants to invite; nothing is shared yet.

        Raises:
            InvalidRequest: the caller may not invite somebody, or the audience is too large.
            TooManyShared: the caller shares too many calls, or too many in the space.
            Throttled: the caller shared too often within a minute.
        """
        self._sharings.spend(caller.principal)
        await self._admit(caller, call_id, audience)
        try:
            return await self._audiences.resolve(caller, call_id, audience)
        except (InvalidRequest, TooManyShared):
            # The call stays shared as it was; if an earlier request was killed half-way, finish it.
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
        """Share a call with the audience that `prepare` returned.

        Args:
            details: how to join a Teams meeting.
            confirm: called after the call is shared; raises Conflict if the meeting was cancelled
                meanwhile, and then the sharing is undone.

        Returns:
            The call, how many people are invited, and whether it was not shared before.

        Raises:
            TooManyShared: other requests of the caller have filled the space meanwhile.
            Conflict: other requests changed the call at the same time, or `confirm` raised it.
        """
        owner = principal_key(caller.principal)
        record = SharedCallRecord(
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
        previous = await self._calls.claim(record, lambda: self._admit(caller, call_id))
        synchronized = await self._calls.synchronize(call_id)
        try:
            await self._audiences.refuse_full_space(invited.space, owner, call_id)
            if confirm is not None:
                await confirm()
        except (TooManyShared, Conflict):
            await self._calls.undo(record, previous)
            raise
        await self._admit(caller, call_id)
        if synchronized is None or synchronized.content is None:
            raise Conflict
        is_new = previous is None or not previous.is_live(self._now())
        return SharedCallView.of(synchronized, owner), len(synchronized.invitees), is_new

    async def unshare(self, caller: Caller, call_id: str, kind: CallKind) -> None:
        """Stop sharing a call; does nothing if the caller shares no such call."""
        if not is_call_id(call_id):
            return
        await self._admit(caller, call_id)
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
        """Open one call that the caller may join.

        Raises:
            NotFound: there is no such call, it has ended, or the caller may not join it.
        """
        if not is_call_id(call_id):
            raise NotFound(_NO_INVITATION)
        viewer = principal_key(caller.principal)
        _, record, row = await asyncio.gather(
            self._identities.admit(caller),
            self._calls.find(call_id),
            self._listings.find(viewer, call_id),
        )
        if record is not None and record.content is not None and record.is_live(self._now()):
            is_in_space = record.space != "" and record.realm == caller.principal.realm
            if (
                record.owner == viewer
                or is_in_space
                or (
                    viewer in record.invitees
                    and row is not None
                    and await self._consents.holds(record, viewer)
                )
            ):
                return SharedCallView.of(record, viewer)
        raise NotFound(_NO_INVITATION)

    async def list_for(self, caller: Caller, space: str | None) -> list[SharedCallView]:
        """The calls that the caller shares or may join, or those in a space.

        They are sorted by when they begin, at most `MOST_LISTED`. Some rows of ended calls are
        removed on the way.
        """
        viewer = principal_key(caller.principal)
        partition = viewer if space is None else space_key(caller.principal.realm, space)
        _, rows = await asyncio.gather(
            self._identities.admit(caller), self._listings.list_for(partition)
        )
        invitations, now = [Invitation.of(row) for row in rows], self._now()
        live = [invitation for invitation in invitations if invitation.is_live(now)]
        live = await self._consents.keep_consented(viewer, live)
        ended = [invitation for invitation in invitations if invitation.has_ended(now)]
        # If this fails or takes too long, the next listing removes them.
        with contextlib.suppress(Problem, TimeoutError):
            async with asyncio.timeout(_TIDYING_SECONDS):
                await self._calls.remove_ended(ended)
        listed = [
            SharedCallView(invitation.call_id, invitation.content, invitation.owner == viewer)
            for invitation in live
            if invitation.content
        ]
        listed.sort(key=lambda shared: (shared.content.due_at, shared.call_id))
        return listed[:MOST_LISTED]

    async def withdraw_between(self, first: Principal, second: Principal) -> None:
        """Withdraw the invitations between two people who are no longer friends.

        Only what one of them shared with friends: what an app role let them share stays.
        """
        for invitee, owner in ((first, second), (second, first)):
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
        partition, more = principal_key(principal), True
        while more:
            rows, more = await self._listings.page(partition)
            invitations = [Invitation.of(row) for row in rows]
            received = [entry for entry in invitations if entry.role is not Role.OWNER]
            await for_each(received, self._calls.uninvite)
            for own in invitations:
                if own.role is Role.OWNER:
                    await self._calls.end(own.call_id)
                    await self._calls.finish(partition, own.call_id)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The calls that a person shares, and those that are shared with them."""
        partition = principal_key(principal)
        invitations = [Invitation.of(row) for row in await self._listings.list_for(partition)]
        return [
            {
                "callId": invitation.call_id,
                "role": invitation.role.value,
                **invitation.content.values(),
            }
            for invitation in await self._consents.keep_consented(partition, invitations)
            if invitation.content is not None
        ]

    async def _admit(self, caller: Caller, call_id: str, audience: Audience | None = None) -> None:
        """Admit the caller, or remove what an erased caller has left of this call.

        If the caller was erased while an earlier request of theirs was killed, that request may
        have left the call shared; this repetition of it ends the call. It does not end a call of
        a new person of the same name, who has signed in after the caller.
        """
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
                partitions = partitions_of(caller.principal.realm, audience)
                await self._calls.remove_orphans(call_id, partitions)
            raise
