"""Checks whether the owner of a call may still invite somebody.

Each of two friends has a row about the other, with their own decision and a copy of the other's.
When somebody opens a call, both people's own decisions are read. Before a call is shared, the
owner's rows say whom they may invite; after the rows of the call are written, the friends' rows do.
A copy may be old if a request to withdraw was killed; the repetition of that request, or Tidy,
corrects the copy and then removes the invitation.
"""

from collections.abc import Collection, Iterable

from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.sharing.rows import Consent, Invitation, Role, SharedCallRecord
from shared.upstream.concurrency import for_each


class ConsentChecks:
    """Asks friendships and identities; keys are PartitionKeys of mappings."""

    def __init__(self, friendships: Friendships, identities: Identities) -> None:
        self._friendships = friendships
        self._identities = identities

    async def find_lacking(
        self, owner: str, consent: Consent, invitees: Iterable[str]
    ) -> frozenset[str]:
        """The invitees whom the owner may not invite, or no longer. A point read for each.

        The friend's own row decides: their erasure removes it, while a copy of their yes may stay
        if their request was killed. It holds a copy of the owner's decision. That is enough once
        the invitee's row is written: a request to withdraw changes the copy before it looks for
        that row.
        """
        lacking = set[str]()

        async def check(invitee: str) -> None:
            if consent is Consent.ROLE:
                may_invite = await self._identities.is_active(invitee)
            else:
                may_invite = await self._friendships.has_as_friend(invitee, owner)
            if not may_invite:
                lacking.add(invitee)

        await for_each(sorted(invitees), check)
        return frozenset(lacking)

    async def find_uninvitable(
        self, owner: str, consent: Consent, invitees: Collection[str]
    ) -> frozenset[str]:
        """The people whom an owner names but may not invite."""
        if consent is Consent.ROLE:
            return await self.find_lacking(owner, consent, invitees)
        return frozenset(invitees) - await self._friendships.friends_among(owner, invitees)

    async def holds(self, record: SharedCallRecord, invitee: str) -> bool:
        """Whether the owner of a call may still invite one person."""
        if record.consent is not Consent.FRIENDSHIP:
            return True
        return await self._friendships.are_friends(invitee, record.owner)

    async def keep_consented(self, invitee: str, invitations: list[Invitation]) -> list[Invitation]:
        """Leave out invitations by former friends, which a killed request may have left."""

        def by_friendship(invitation: Invitation) -> bool:
            return invitation.role is Role.INVITEE and invitation.consent is Consent.FRIENDSHIP

        owners = {invitation.owner for invitation in filter(by_friendship, invitations)}
        friends = await self._friendships.friends_among(invitee, owners)
        return [
            invitation
            for invitation in invitations
            if not by_friendship(invitation) or invitation.owner in friends
        ]
