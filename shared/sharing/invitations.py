"""Shares calls, lists them and opens them: who may join which call.

`audiences` checks whom an owner may invite; `shared_calls` writes the rows.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.bounds import LISTINGS, SHARINGS
from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.intents import Finisher, Intents
from shared.keys import principal_key
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    InvalidRequest,
    NotFound,
    Problem,
    Unauthenticated,
)
from shared.sharing.audiences import Audience, Audiences, partitions_of
from shared.sharing.call_export import CallExport
from shared.sharing.consent import ConsentChecks
from shared.sharing.crowds import Crowds
from shared.sharing.drafts import Draft
from shared.sharing.ended_calls import EndedCalls
from shared.sharing.join_details import JoinDetails
from shared.sharing.listings import Listings
from shared.sharing.rows import (
    CallKind,
    Content,
    Invitation,
    Role,
    SharedCallRecord,
    is_call_id,
    space_key,
)
from shared.sharing.shared_calls import SharedCalls
from shared.sharing.unfinished import SHARE, UNSHARE, UnfinishedSharings, sharing_details
from shared.sharing.withdrawals import Withdrawals
from shared.tables import Table
from shared.upstream.concurrency import for_each

# How many calls one listing shows: if there are more, those that begin first.
MOST_LISTED = 1000
# How many seconds a listing spends on removing the ended calls that it found.
_TIDYING_SECONDS = 1.0
_NO_INVITATION = "There is no such invitation."


@dataclass  # not frozen, as `rows.Invitation`
class SharedCallView:
    """A call as somebody who may join sees it.

    Attributes:
        content: in a listing, where nothing is opened, without the locator.
        mine: whether the viewer shares it.
        details: how to join a Teams meeting; None in a listing.
        revision: higher after each sharing; 0 in a listing.
    """

    call_id: str
    content: Content
    mine: bool
    details: JoinDetails | None = None
    revision: int = 0

    @classmethod
    def of(cls, record: SharedCallRecord, viewer: str) -> "SharedCallView":
        assert record.content is not None  # noqa: S101
        mine = record.owner == viewer
        return cls(record.call_id, record.content, mine, record.details, record.revision)


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
        intents: Intents,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listings = listings
        self._calls = calls
        self._ended_calls = EndedCalls(listings, calls, now)
        self._consents = ConsentChecks(friendships, identities)
        self._audiences = Audiences(friendships, self._consents)
        self._crowds = Crowds(listings, calls, now)
        self._withdrawals = Withdrawals(listings, calls, self._consents)
        self._call_export = CallExport(calls, friendships, identities)
        self._identities = identities
        self._intents = intents
        self._now = now
        self._sharings = Budget(SHARINGS.number, now)  # each costs up to 350 writes
        self._lists = Budget(LISTINGS.number, now)

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        """The finishers of requests to share and to unshare."""
        return UnfinishedSharings(self._calls, self._identities).finishers

    async def share(
        self, caller: Caller, call_id: str, content: Content, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        """Share a call, or share it again, which replaces its audience. Repeatable.

        Returns as `publish`; raises as `sharing` and `publish`.
        """
        async with self.sharing(caller, call_id, audience) as draft:
            return await self.publish(caller, draft, content)

    @asynccontextmanager
    async def sharing(
        self, caller: Caller, call_id: str, audience: Audience
    ) -> AsyncIterator[Draft]:
        """Check whom the caller wants to invite, and take the call's place among theirs.

        Nothing is shared before the body of the `with` hands the draft of the record to `publish`.

        Raises:
            InvalidRequest: the caller may not invite somebody, or the audience is too large.
            TooManyShared: the caller shares too many calls, or too many in the space.
            Throttled: the caller shared too often within a minute.
        """
        self._sharings.spend(caller.principal)
        await self._admit(caller, call_id, audience)
        owner = principal_key(caller.principal)
        try:
            invited = await self._audiences.resolve(caller, audience)
        except InvalidRequest:
            # The call stays shared as it was; if an earlier request was killed half-way, finish it.
            await self._calls.finish(owner, call_id, self._around_sharing)
            raise
        draft = Draft(
            call_id=call_id,
            change_id=uuid.uuid4().hex,
            owner=owner,
            realm=caller.principal.realm,
            proven_at=caller.issued_at,
            consent=invited.consent,
            content=None,
            invitees=invited.invitees,
            space=invited.space,
            space_name=audience.space,
        )
        intent = await self._intents.begin(SHARE, call_id, sharing_details(draft))
        try:
            draft = replace(draft, taken=await self._crowds.take_place(draft))
            yield draft
        except Problem:
            # The request has an answer, so nobody repeats it: it has to undo its steps itself.
            await self._calls.give_back(draft, draft.taken)
            await self._calls.settle(owner, call_id)
            await self._intents.end(intent)
            raise
        await self._intents.end(intent)

    async def publish(
        self,
        caller: Caller,
        draft: Draft,
        content: Content,
        details: JoinDetails | None = None,
        *,
        by_teams: bool = False,
    ) -> tuple[SharedCallView, int, bool]:
        """Share a call with the audience of a draft that `sharing` gave.

        Args:
            details: how to join a Teams meeting.
            by_teams: whether Teams has yet to accept this: see `fallbacks`.

        Returns:
            The call, how many people are invited, and whether it was not shared before.

        Raises:
            Conflict: other requests changed the call at the same time.
        """
        call_id = draft.call_id
        fallback = "" if by_teams else None
        record = replace(draft, content=content, details=details, fallback=fallback)
        previous, claimed = await self._calls.claim(
            record, lambda: self._admit(caller, call_id), draft.taken
        )
        synchronized = await self._calls.show(claimed, draft.taken)
        await self._admit(caller, call_id)
        if synchronized is None or synchronized.content is None:
            raise Conflict
        is_new = previous is None or not previous.is_live(self._now())
        return SharedCallView.of(synchronized, draft.owner), len(synchronized.invitees), is_new

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
            if record.proven_at > caller.issued_at:  # a new person of the same name may share it
                await self._admit(caller, call_id)
            details = {"owner": owner, "change": record.change_id}
            async with self._intents.around(UNSHARE, call_id, details):
                # This must not end what such a person has shared since.
                latest = max(record.proven_at, caller.issued_at)
                await self._calls.end(
                    call_id, lambda found: found.content is None or found.proven_at <= latest
                )

    async def open(self, caller: Caller, call_id: str) -> SharedCallView:
        """Open one call that the caller may join. An app opens what it shares, and nothing else.

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
            is_in_space = (
                record.space != ""
                and record.realm == caller.principal.realm
                and caller.principal.kind is Kind.USER
            )
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
        removed on the way. Raises Throttled if the caller lists too often within a minute.
        """
        self._lists.spend(caller.principal)
        viewer = principal_key(caller.principal)
        partition = viewer if space is None else space_key(caller.principal.realm, space)
        listings = Listings(self._listings, self._now)
        _, invitations = await asyncio.gather(
            self._identities.admit(caller), listings.may_be_open(partition)
        )
        now = self._now()
        live = [invitation for invitation in invitations if invitation.is_live(now)]
        live = await self._consents.keep_consented(viewer, live)
        ended = [invitation for invitation in invitations if invitation.has_ended(now)]
        # If this fails or takes too long, the next listing removes them.
        with contextlib.suppress(Problem, TimeoutError):
            async with asyncio.timeout(_TIDYING_SECONDS):
                await self._ended_calls.remove(ended)
        listed = [
            SharedCallView(invitation.call_id, invitation.content, invitation.owner == viewer)
            for invitation in live
            if invitation.content
        ]
        listed.sort(key=lambda shared: (shared.content.due_at, shared.call_id))
        return listed[:MOST_LISTED]

    async def withdraw_between(
        self, first: str, second: str, *, unless_friends: bool = False
    ) -> None:
        """Withdraw the invitations between two people, as `Withdrawals.between`."""
        await self._withdrawals.between(first, second, unless_friends=unless_friends)

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

    async def export(self, principal: Principal) -> list[dict[str, object]]:
        """The calls that a person shares, as `CallExport` tells, and those shared with them."""
        partition = principal_key(principal)
        invitations = [Invitation.of(row) for row in await self._listings.list_for(partition)]
        invitations = await self._consents.keep_consented(partition, invitations)
        return await self._call_export.of(partition, invitations)

    def _around_sharing(self, record: SharedCallRecord) -> AbstractAsyncContextManager[object]:
        """Keeps the intent to share a call as its record says."""
        return self._intents.around(SHARE, record.call_id, sharing_details(record))

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
