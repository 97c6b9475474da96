"""Finishes dead requests to begin or to end a friendship, for the timer `Tidy`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from shared.friends.friendships import Friendships
from shared.friends.rows import Friendship
from shared.identity.identities import Identities
from shared.identity.rows import identity_of, is_erased_since, is_erasing, is_tombstone
from shared.intents import Finisher, Intent
from shared.principals import Caller
from shared.tables import Value

# Kinds of intents, whose subject is the PartitionKey of the owner's mapping. Their details are
# `friend`, the key of the friend's, and `provenAt`, when the owner's token was issued, which
# earlier versions did not write.
BEFRIEND = "befriend"
UNFRIEND = "unfriend"


class FriendInvitations(Protocol):
    """The part of `shared.sharing.invitations` that is used here."""

    async def withdraw_between(
        self, first: str, second: str, *, unless_friends: bool = False
    ) -> None: ...


def decision_details(caller: Caller, own_row: Friendship) -> dict[str, Value]:
    """What an intent about a decision keeps."""
    return {"friend": own_row.friend, "provenAt": caller.issued_at}


class UnfinishedDecisions:
    """Copies withdrawals, removes decisions of erased people, and withdraws invitations between
    people who are no friends; it makes nobody friends."""

    def __init__(
        self, friendships: Friendships, identities: Identities, invitations: FriendInvitations
    ) -> None:
        self._friendships = friendships
        self._identities = identities
        self._invitations = invitations

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {BEFRIEND: self._finish, UNFRIEND: self._finish}

    async def _finish(self, intent: Intent) -> None:
        """Bring the friend's row in line with the owner's, and then remove the invitations between
        them unless they are friends.

        A yes is removed if its maker was erased meanwhile, and the copy of a yes if its maker has
        withdrawn it. Any other yes stays, and is copied when its maker repeats the request.
        """
        owner, friend = intent.subject, str(intent.details["friend"])
        await self._take_back_if_erased(owner, friend, intent.details.get("provenAt"))
        await self.settle(owner, friend)

    async def settle(self, owner: str, friend: str) -> None:
        """Remove what the owner has withdrawn from the friend's row, and then the invitations
        between them unless they are friends.

        Whoever takes back a yes withdraws invitations afterwards: a sharing at the same time may
        have read the yes before.
        """
        await self._friendships.settle(owner, friend)
        await self._invitations.withdraw_between(owner, friend, unless_friends=True)

    async def _take_back_if_erased(self, owner: str, friend: str, proven_at: object) -> None:
        """Undo a decision that was stored after its maker was erased; nobody else will do it.

        If the same person has signed in again since, what they have said since then stays.
        """
        row = await self._identities.row_under(owner)
        if row is None or not isinstance(proven_at, datetime):
            return
        if is_erasing(row) or is_erased_since(row, proven_at):
            has_come_back = not (is_erasing(row) or is_tombstone(row))
            came_at = identity_of(row).created_at if has_come_back else None
            await self._friendships.undo_earlier(owner, friend, came_at)
