"""The buddy list: who may call whom, because both have said so."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from shared.friends.friendships import Friendships
from shared.friends.rows import Decision, Friendship, Profile, State
from shared.identity.identities import Identities
from shared.identity.rows import Identity, resource_key
from shared.identity.tokens import Tokens
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    Conflict,
    Fault,
    InvalidRequest,
    NotFound,
    TooManyUnanswered,
    Unauthenticated,
)
from shared.upstream.concurrency import for_each

# So that nobody writes to a whole directory of people.
MOST_UNANSWERED = 100
# Of one person, a minute and host: asking and withdrawing leaves rows behind.
_MOST_DECISIONS = 300
# How often asking is begun anew because an erasure or a heal came in between.
_TRIES = 10


@dataclass(frozen=True)
class Friend:
    """A friend as the caller may see them.

    Attributes:
        display_name: None unless they have said yes, and have a name.
        communication_user_id: None unless both have said yes.
    """

    id: str
    display_name: str | None
    state: State
    communication_user_id: str | None


class FriendInvitations(Protocol):
    """What of `shared.sharing.invitations` is needed here."""

    async def withdraw_between(self, one: Principal, other: Principal) -> None: ...


class Friends:
    """Friendships between people of one realm. Whether the other exists, has not answered or has
    said no, nobody can tell: the answers and the requests to storage are the same."""

    def __init__(
        self,
        friendships: Friendships,
        identities: Identities,
        tokens: Tokens,
        sharings: FriendInvitations,
        resource: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._friendships = friendships
        self._identities = identities
        self._tokens = tokens
        self._sharings = sharings
        self._resource = resource_key(resource)
        self._decisions = Budget(_MOST_DECISIONS, now)

    async def add(self, caller: Caller, friend_id: str) -> tuple[Friend, bool]:
        """Say yes to somebody: ask them, or accept what they have asked. Repeatable.

        The caller gets an identity when they had none, so that an accepted friend always has one.

        Returns:
            The friend, and whether the caller had not said yes before.

        Raises:
            InvalidRequest: that is the caller.
            TooManyUnanswered: others have to answer first, or the caller to withdraw.
            Throttled: too many changes within a minute.
        """
        friend = _friend(caller, friend_id)
        self._decisions.spend(caller.principal)
        new = False
        for _ in range(_TRIES):
            identity = await self._admitted(caller, friend, self._tokens.enrolled(caller))
            before = await self._friendships.find(caller.principal, friend)
            asking = before.mine is not Decision.YES and before.theirs is not Decision.YES
            if asking:
                await self._refuse_many(caller, MOST_UNANSWERED)
            mine, written = await self._friendships.decide(before, friend, Decision.YES)
            new = new or before.mine is not Decision.YES
            if asking and written:
                await self._withdraw_one_too_many(caller, mine, before.mine)
            copied = await self._friendships.copy_decision(
                mine, caller.principal.id, Profile.of(identity)
            )
            # Write, then look again: what changed on the way either sees our claim or is seen.
            now = await self._look_again(caller, mine, written=written)
            standing = await self._friendships.find(caller.principal, friend)
            if standing.mine_seq < mine.mine_seq:  # the friend was erased, and asking is newer
                await self._friendships.undo(mine)
            elif copied.theirs_seq > standing.mine_seq:
                await self._friendships.retract_orphan(caller.principal, friend)
            elif standing.theirs_seq > copied.mine_seq and mine.theirs is Decision.YES:
                await self._friendships.retract_orphan(friend, caller.principal)
                return await self._seen(mine, friend, accepted=False), new
            elif now is not None and now.version == identity.version:
                agreed = copied.mine is Decision.YES
                return await self._seen(mine, friend, accepted=agreed), new
        raise Conflict

    async def remove(self, caller: Caller, friend_id: str, *, block: bool | None) -> None:
        """Say no to somebody: withdraw, decline or end it. Repeatable; fine where there is nothing.

        Args:
            block: hide whatever they ask from now on; False lifts that; None leaves it as it is.

        Raises:
            InvalidRequest: that is the caller.
            Throttled: too many changes within a minute.
        """
        friend = _friend(caller, friend_id)
        self._decisions.spend(caller.principal)
        _, before = await asyncio.gather(
            self._admitted(caller, friend, self._identities.admit(caller)),
            self._friendships.find(caller.principal, friend),
        )
        word = Decision.BLOCK if block else Decision.NO
        mine, written = await self._friendships.decide(before, friend, word, unblock=block is False)
        if mine.mine is not Decision.NONE:
            await self._friendships.copy_decision(mine, caller.principal.id)
            await self._sharings.withdraw_between(caller.principal, friend)
            await self._look_again(caller, mine, written=written)

    async def resolve(self, caller: Caller, friend_id: str) -> Friend:
        """An accepted friend. Judged on each side's own word, so a withdrawal counts at once.

        Raises:
            NotFound: for whatever reason.
        """
        friend = Principal(Kind.USER, caller.principal.realm, friend_id)
        _, mine, theirs = await asyncio.gather(
            self._identities.admit(caller),
            self._friendships.find(caller.principal, friend),
            self._friendships.find(friend, caller.principal),
        )
        found = await self._seen(mine, friend, accepted=theirs.mine is Decision.YES)
        if found.communication_user_id is None:
            raise NotFound("There is no accepted friend by that name.")
        return found

    async def list_for(
        self, caller: Caller, state: State | None, after: str
    ) -> tuple[list[Friend], str | None]:
        """A page of the buddy list, of one state or all, in an order that means nothing.

        Returns:
            At most 1,000 friends; where there may be more, what to give as `after` for them.
        """
        _, (rows, more) = await asyncio.gather(
            self._identities.admit(caller),
            self._friendships.page(caller.principal, state, after),
        )
        found: dict[str, Friend] = {}

        async def see(row: Friendship) -> None:
            friend = Principal(Kind.USER, caller.principal.realm, row.friend_id or "")
            found[row.friend] = await self._seen(row, friend, accepted=True)

        await for_each(rows, see)
        return [found[row.friend] for row in rows], rows[-1].friend if more else None

    async def _seen(self, mine: Friendship, friend: Principal, *, accepted: bool) -> Friend:
        state = mine.state
        if state is State.ACCEPTED and not accepted:  # withdrawn, though not copied yet
            state = State.REQUESTED
        if mine.profile is None or state not in (State.ACCEPTED, State.INCOMING):
            return Friend(friend.id, None, state, None)
        user_id = None
        if state is State.ACCEPTED:
            user_id = await self._current_id(friend, mine.profile)
        return Friend(friend.id, mine.profile.display_name, state, user_id)

    async def _current_id(self, friend: Principal, profile: Profile) -> str | None:
        """The friend's ACS id, looked up where the copy is of an ACS resource used before."""
        if profile.resource == self._resource:
            return profile.communication_user_id
        try:
            found = await self._identities.find(friend)
        except BeingErased:
            return None
        return found.communication_user_id if found else None

    async def _refuse_many(self, caller: Caller, most: int) -> None:
        """Raises TooManyUnanswered where `most` requests, or more, are unanswered."""
        unanswered = await self._friendships.keys_in_state(caller.principal, State.REQUESTED, most)
        if len(unanswered) >= most:
            raise TooManyUnanswered(
                f"{MOST_UNANSWERED} requests of yours are unanswered, which is the most there may"
                " be: withdraw some (DELETE), or wait for answers."
            )

    async def _withdraw_one_too_many(
        self, caller: Caller, mine: Friendship, before: Decision
    ) -> None:
        """Others may have been asked at the same time: of those who see more than there may be,
        each takes back their own."""
        try:
            await self._refuse_many(caller, MOST_UNANSWERED + 1)
        except TooManyUnanswered:
            await self._friendships.undo(mine, before=before)
            raise

    async def _admitted[T](self, caller: Caller, friend: Principal, check: Awaitable[T]) -> T:
        """The result of a check of the caller. One who was erased while a request of theirs died
        may have left a copy behind, which their repetition of it removes."""
        try:
            return await check
        except Unauthenticated:
            await self._friendships.retract_orphan(caller.principal, friend)
            raise

    async def _look_again(
        self, caller: Caller, decided: Friendship, *, written: bool
    ) -> Identity | None:
        """Nothing stays of a decision whose caller was erased meanwhile; raises as `admit`."""
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
