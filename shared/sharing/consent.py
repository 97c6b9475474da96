"""Checks whether the owner of a call may still invite somebody.

Whoever opens a call is judged by both people's own rows. Before a call is shared, the owner's rows
tell whom they may invite; after its rows were written, the friends' rows do. Each row has the word
of its owner and a copy of the other's. A copy may be old if a request to withdraw was killed; the
repetition of that request, or Tidy, removes the invitation after it has put the copy right.
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

        A friend's own row tells: it goes with their erasure, while a copy of their yes may stay
        where their request was killed. The owner's word in it is a copy, which is enough after the
        invitee's row was written: who withdraws changes the copy before they look for that row.
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
        """Those among the people whom an owner names whom they may not invite."""
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
