"""The rules of the buddy list: who may call whom, because both have said yes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.bounds import DECISIONS
from shared.friends.crowds import Crowds
from shared.friends.friendships import Friendships
from shared.friends.rows import (
    NO_TOLD,
    Decision,
    Friend,
    Friendship,
    Profile,
    State,
    friends_resource,
)
from shared.friends.unfinished import (
    BEFRIEND,
    UNFRIEND,
    FriendInvitations,
    UnfinishedDecisions,
    decision_details,
)
from shared.friends.withdrawn import WithdrawnRequests
from shared.identity.identities import Identities
from shared.identity.rows import Identity, resource_key
from shared.identity.tokens import Tokens
from shared.intents import Finisher, Intent, Intents
from shared.keys import principal_key
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    TooManyFriends,
    TooManyUnanswered,
    Unauthenticated,
)
from shared.tables import Row
from shared.upstream.concurrency import for_each

_NO_FRIEND = "There is no accepted friend by that name."
_MINUTES_TOLD = NO_TOLD // timedelta(minutes=1)
# How often a request is started again because an erasure or a heal came in between.
_TRIES = 10


class Friends:
    """Friendships between people of one realm.

    A caller cannot learn whether the other person exists, has not answered or has said no: the
    answers, and the requests to storage, are the same.
    """

    def __init__(
        self,
        friendships: Friendships,
        identities: Identities,
        tokens: Tokens,
        invitations: FriendInvitations,
        intents: Intents,
        withdrawn: WithdrawnRequests,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._friendships = friendships
        self._identities = identities
        self._tokens = tokens
        self._invitations = invitations
        self._intents = intents
        self._withdrawn = withdrawn
        self._crowds = Crowds(friendships)
        self._unfinished = UnfinishedDecisions(friendships, identities, invitations)
        self._resource = resource_key(resource)
        self._now = now
        self._decisions = Budget(DECISIONS.number, now)

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        """The finishers of requests to add, remove and block; and of the removal of withdrawn
        rows."""
        return {**self._unfinished.finishers, **self._withdrawn.finishers}

    async def add(self, caller: Caller, friend_id: str) -> tuple[Friend, bool]:
        """Say yes to somebody: ask them to be a friend, or accept their request. Repeatable.

        The caller gets an identity if they had none, so that an accepted friend always has one.

        Returns:
            The friend, and whether the caller had not said yes before.

        Raises:
            InvalidRequest: the id is the caller's own.
            TooManyUnanswered: others have to answer first, or the caller has to withdraw requests.
            TooManyFriends: it would be one person more than the caller may decide about.
            Throttled: too many changes within a minute.
        """
        friend = _friend(caller, friend_id)
        self._decisions.spend(caller.principal)
        begun = list[Intent]()
        try:
            added = await self._add(caller, friend, begun)
        except (TooManyFriends, TooManyUnanswered, Unauthenticated, BeingErased):
            # The yes was undone. Somebody may have shared a call because of it.
            if begun:
                keys = principal_key(caller.principal), principal_key(friend)
                await self._invitations.withdraw_between(*keys, unless_friends=True)
            await self._end(begun)
            raise
        await self._end(begun)
        return added

    async def _add(
        self, caller: Caller, friend: Principal, begun: list[Intent]
    ) -> tuple[Friend, bool]:
        """As `add`; the intents that this begins are added to `begun`."""
        is_new = False
        for _ in range(_TRIES):
            identity = await self._check_caller(caller, friend, self._tokens.enrolled(caller))
            before = await self._friendships.find(caller.principal, friend)
            told = before.told(self._now())
            is_request = told is not Decision.YES and before.theirs is not Decision.YES
            if told is not Decision.YES:
                await self._crowds.refuse_one_more(caller.principal, told, is_request=is_request)
            if before.mine is not Decision.YES:
                await self._begin(caller, before, begun)
            own_row, written = await self._friendships.decide(before, friend, Decision.YES)
            is_new = is_new or before.mine is not Decision.YES
            if is_request and written:
                await self._crowds.undo_if_too_many(caller.principal, own_row, told)
            friends_row = await self._copy_yes(caller, before, own_row, identity, begun)
            # Write, then read again: a concurrent change sees our decision, or we see the change.
            made = written or bool(begun)  # the decision, or the copy of an old one
            identity_now = await self._recheck_caller(caller, own_row, written=made)
            own_row_now = await self._friendships.find(caller.principal, friend)
            await self._settle_if_withdrawn(own_row, own_row_now)
            if own_row_now.mine_seq < own_row.mine_seq:  # erasing the friend removed our decision
                await self._friendships.undo(own_row)
            elif friends_row.theirs_seq > own_row_now.mine_seq:
                await self._friendships.retract_orphan(caller.principal, friend)
            elif own_row_now.theirs_seq > friends_row.mine_seq and own_row.theirs is Decision.YES:
                await self._friendships.retract_orphan(friend, caller.principal)
                return await self._view(own_row, friend, accepted=False), is_new
            elif identity_now is not None and identity_now.version == identity.version:
                accepted = friends_row.mine is Decision.YES
                return await self._view(own_row, friend, accepted=accepted), is_new
        raise Conflict

    async def remove(self, caller: Caller, friend_id: str | None, *, block: bool | None) -> None:
        """Say no to somebody: withdraw or decline a request, or end a friendship. Repeatable.

        Args:
            friend_id: None for an id that is too long for anybody to have.
            block: True hides their requests from now on; False lifts a block; None changes none.

        Raises:
            InvalidRequest: the id is the caller's own.
            Throttled: too many changes within a minute.
            TooManyFriends: a block would be of one person more than the caller may decide about.
        """
        if friend_id is None:
            return
        friend = _friend(caller, friend_id)
        self._decisions.spend(caller.principal)
        _, before = await asyncio.gather(
            self._check_caller(caller, friend, self._identities.admit(caller)),
            self._friendships.find(caller.principal, friend),
        )
        decision = Decision.BLOCK if block else Decision.NO
        told = before.told(self._now())
        if not block and told is Decision.NONE and before.state is State.HIDDEN:
            return  # nothing was said that could be taken back
        if block and told is Decision.NONE:
            await self._crowds.refuse_one_more(caller.principal, told)
        details = decision_details(caller, before)
        async with self._intents.around(UNFRIEND, before.owner, details):
            if not block:
                await self._withdrawn.expect(before.owner)
            own_row, written = await self._friendships.decide(
                before, friend, decision, unblock=block is False
            )
            if own_row.mine is not Decision.NONE:
                await self._friendships.copy_decision(own_row, caller.principal.id)
                await self._invitations.withdraw_between(own_row.owner, own_row.friend)
                await self._recheck_caller(caller, own_row, written=written)

    async def resolve(self, caller: Caller, friend_id: str | None) -> Friend:
        """An accepted friend. Both people's own rows are read, so a withdrawal counts at once.

        Args:
            friend_id: None for an id that is too long for anybody to have.

        Raises:
            NotFound: there is no such accepted friend, for whatever reason.
        """
        if friend_id is None:
            raise NotFound(_NO_FRIEND)
        friend = Principal(Kind.USER, caller.principal.realm, friend_id)
        _, own_row, friends_row = await asyncio.gather(
            self._identities.admit(caller),
            self._friendships.find(caller.principal, friend),
            self._friendships.find(friend, caller.principal),
        )
        found = await self._view(own_row, friend, accepted=friends_row.mine is Decision.YES)
        if found.communication_user_id is None:
            raise NotFound(_NO_FRIEND)
        return found

    async def list_for(
        self, caller: Caller, state: State | None, after: str
    ) -> tuple[list[Friend], str | None]:
        """A page of the buddy list, of one state or of all. The order has no meaning.

        Returns:
            At most 1,000 friends; and `after` for the next page, None if there is none.
        """
        _, (rows, more) = await asyncio.gather(
            self._identities.admit(caller),
            self._friendships.page(caller.principal, state, after),
        )
        found = {row.row_key: Friend.in_list(row) for row in rows}

        async def read_current_id(row: Row) -> None:
            own_row = Friendship.of(row)
            friend = Principal(Kind.USER, caller.principal.realm, own_row.friend_id or "")
            found[row.row_key] = await self._view(own_row, friend, accepted=True)

        current = (None, self._resource)
        former = (row for row in rows if friends_resource(row) not in current)
        await for_each(former, read_current_id)
        return list(found.values()), rows[-1].row_key if more else None

    async def _copy_yes(
        self,
        caller: Caller,
        before: Friendship,
        own_row: Friendship,
        identity: Identity,
        begun: list[Intent],
    ) -> Friendship:
        """Copy the caller's yes, also an old one, to the friend's row, which it returns.

        No copy is made without an intent: after an erasure it may be all that is left of the yes.
        """
        copy = (own_row, caller.principal.id, Profile.of(identity))
        if not begun:
            renewed = await self._friendships.copy_decision(*copy, or_insert=False)
            if renewed is not None:
                return renewed
            await self._begin(caller, before, begun)
        copied = await self._friendships.copy_decision(*copy)
        assert copied is not None  # noqa: S101
        return copied

    async def _settle_if_withdrawn(self, copied: Friendship, now: Friendship) -> None:
        """Remove the copy of a yes that was withdrawn, perhaps before it was copied."""
        if now.mine is not Decision.YES and now.mine_seq > copied.mine_seq:
            await self._unfinished.settle(copied.owner, copied.friend)

    async def _begin(self, caller: Caller, before: Friendship, begun: list[Intent]) -> None:
        """Write the intent of a yes, unless that is done."""
        if not begun:
            details = decision_details(caller, before)
            begun.append(await self._intents.begin(BEFRIEND, before.owner, details))

    async def _end(self, intents: list[Intent]) -> None:
        for intent in intents:
            await self._intents.end(intent)

    async def _view(self, own_row: Friendship, friend: Principal, *, accepted: bool) -> Friend:
        """The friend as the caller may see them.

        Args:
            own_row: the caller's row about the friend.
            accepted: whether the friend says yes, as far as is known.
        """
        state = own_row.state
        if state is State.ACCEPTED and not accepted:  # withdrawn, but not copied to our row yet
            state = State.REQUESTED
        shown = _shown(own_row, friend.id, state)
        if state is State.ACCEPTED and self._has_former_id(own_row):
            shown = replace(shown, communication_user_id=await self._current_id(friend))
        return shown

    def _has_former_id(self, own_row: Friendship) -> bool:
        """Whether the copy of the friend's ACS id is of a former ACS resource."""
        return own_row.profile is not None and own_row.profile.resource != self._resource

    async def _current_id(self, friend: Principal) -> str | None:
        """The friend's ACS id, read from their mapping."""
        try:
            found = await self._identities.find(friend)
        except BeingErased:
            return None
        return found.communication_user_id if found else None

    async def _check_caller[T](self, caller: Caller, friend: Principal, check: Awaitable[T]) -> T:
        """The result of the check.

        If the caller was erased, an earlier request of theirs that was killed may have left a copy
        in the friend's row: this repetition of it removes the copy.
        """
        try:
            return await check
        except Unauthenticated:
            await self._friendships.retract_orphan(caller.principal, friend)
            raise

    async def _recheck_caller(
        self, caller: Caller, decided: Friendship, *, written: bool
    ) -> Identity | None:
        """The caller's identity; undoes the decision if the caller was erased meanwhile. Raises as
        `Identities.find`."""
        try:
            return await self._identities.find(caller.principal, caller.issued_at)
        except (Unauthenticated, BeingErased):
            await self._friendships.undo(decided, written=written)
            raise


def _friend(caller: Caller, friend_id: str) -> Principal:
    if friend_id == caller.principal.id:
        message = "is you; a friend is somebody else"
        raise InvalidRequest(f"friendId {message}.", faults=[Fault("path", "friendId", message)])
    return Principal(Kind.USER, caller.principal.realm, friend_id)


def _shown(own_row: Friendship, friend_id: str, state: State) -> Friend:
    """What the owner of a row may see of it: the name and id of the other only if they said yes."""
    profile = own_row.profile
    if profile is None:
        return Friend.of(friend_id, state, None, None)
    return Friend.of(friend_id, state, profile.display_name, profile.communication_user_id)
