"""Checks whether the owner of a call may still invite somebody.

Friends may be invited as long as each side's own row says yes. A listing reads the copies instead,
which may be old: it needs one query for all friends.
"""

from collections.abc import Iterable

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
        """The invitees whom the owner may not invite, or no longer."""
        lacking = set[str]()
        candidates = sorted(invitees)
        if not candidates:
            return frozenset()
        accepted_by_owner = (
            await self._friendships.accepted_by(owner) if consent is Consent.FRIENDSHIP else set()
        )

        async def check(invitee: str) -> None:
            if consent is Consent.ROLE:
                may_invite = await self._identities.is_active(invitee)
            else:
                may_invite = (
                    await self._friendships.has_accepted(invitee, owner)
                    and invitee in accepted_by_owner
                )
            if not may_invite:
                lacking.add(invitee)

        await for_each(candidates, check)
        return frozenset(lacking)

    async def holds(self, record: SharedCallRecord, invitee: str) -> bool:
        """Whether the owner of a call may still invite one person."""
        if record.consent is not Consent.FRIENDSHIP:
            return True
        return await self._friendships.are_friends(invitee, record.owner)

    async def keep_consented(self, invitee: str, invitations: list[Invitation]) -> list[Invitation]:
        """Leave out invitations by former friends, which a killed request may have left."""

        def by_friendship(invitation: Invitation) -> bool:
            return invitation.role is Role.INVITEE and invitation.consent is Consent.FRIENDSHIP

        if not any(map(by_friendship, invitations)):
            return invitations
        friends = await self._friendships.mutual_friends(invitee)
        return [
            invitation
            for invitation in invitations
            if not by_friendship(invitation) or invitation.owner in friends
        ]
