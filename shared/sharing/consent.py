"""Checks whether the owner of a call may still invite somebody.

Each of two friends has a row about the other, with their own decision and a copy of the other's.
When somebody opens a call, both people's own decisions are read. Whom an owner may invite is read
from the owner's rows: before a call is shared, and again after its rows are written. A request to
withdraw changes the owner's row before it looks for rows of calls, and so does an erasure. So one
of the two always sees the other. A copy may be old if a request was killed; its repetition or Tidy
corrects the copy, and then removes the invitation. Until then the invitation opens nothing.
"""

from collections.abc import Collection

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
        self, owner: str, consent: Consent, invitees: Collection[str]
    ) -> frozenset[str]:
        """The invitees whom the owner may not invite, or no longer."""
        if consent is Consent.FRIENDSHIP:
            return frozenset(invitees) - await self._friendships.friends_among(owner, invitees)
        lacking = set[str]()

        async def check(invitee: str) -> None:
            if not await self._identities.is_active(invitee):
                lacking.add(invitee)

        await for_each(sorted(invitees), check)
        return frozenset(lacking)

    async def holds(self, record: SharedCallRecord, invitee: str) -> bool:
        """Whether the owner of a call may still invite one person."""
        if record.consent is not Consent.FRIENDSHIP:
            return True
        return await self.are_friends(invitee, record.owner)

    async def are_friends(self, one: str, other: str) -> bool:
        """Whether both say yes, each by their own row. Two point reads."""
        return await self._friendships.are_friends(one, other)

    async def has_doubtful(self, record: SharedCallRecord) -> bool:
        """Whether a record names somebody who does not say yes by their own row, or has no
        identity if a role let the owner invite them. A point read for each."""
        if record.consent is not Consent.FRIENDSHIP:
            return bool(await self.find_lacking(record.owner, record.consent, record.invitees))
        doubtful = False

        async def check(invitee: str) -> None:
            nonlocal doubtful
            doubtful = doubtful or not await self._friendships.has_as_friend(invitee, record.owner)

        await for_each(record.invitees, check)
        return doubtful

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
