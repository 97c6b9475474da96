"""Withdraws invitations between two people who are no longer friends."""

from shared.sharing.consent import ConsentChecks
from shared.sharing.rows import Consent, Invitation, Role
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Table
from shared.upstream.concurrency import for_each


class Withdrawals:
    """Finds the invitations by the rows of the invitees, which name the owner."""

    def __init__(self, listings: Table, calls: SharedCalls, consents: ConsentChecks) -> None:
        self._listings = listings
        self._calls = calls
        self._consents = consents

    async def between(self, first: str, second: str, *, unless_friends: bool = False) -> None:
        """Withdraw what one of two people shared with friends, the other among them. Repeatable.

        What an app role let them share stays.

        Args:
            first, second: PartitionKeys of their mappings.
            unless_friends: if they are friends again, remove only what a killed request has left:
                rows of a call that does not name the invitee any more.
        """
        found = [*await self._invitations(first, second), *await self._invitations(second, first)]
        # After the rows: what they share once they are friends again is not among these.
        if unless_friends and found and await self._consents.are_friends(first, second):
            for row in found:
                await self._calls.remove_orphans(row.call_id, [row.partition])
        else:
            await for_each(found, self._calls.uninvite)

    async def _invitations(self, invitee: str, owner: str) -> list[Invitation]:
        rows = await self._listings.list_for(
            invitee,
            "owner eq @owner and role eq @role and consent eq @consent",
            {
                "owner": owner,
                "role": Role.INVITEE.value,
                "consent": Consent.FRIENDSHIP.value,
            },
        )
        return [Invitation.of(row) for row in rows]
