"""Rules for shared calls: each listing has its record, and each record its listings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.checking import ReadOnce, Rule, readable
from shared.identity.identities import Identities
from shared.identity.rows import is_erased_since, is_erasing
from shared.sharing.consent import ConsentChecks
from shared.sharing.places import standing
from shared.sharing.retention import SharedCallRetention
from shared.sharing.rows import Invitation, Role, SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.tables import INVITATIONS, SHARED_CALLS, Row, Table

# Tidy sweeps once a day, and a sweep of large tables takes several runs.
_SWEPT_WITHIN = timedelta(days=2)


class SharingChecks:
    """The rules of the records of shared calls, and of the rows that list them."""

    def __init__(
        self,
        listings: Table,
        calls: SharedCalls,
        consents: ConsentChecks,
        identities: Identities,
        retention: SharedCallRetention,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._listings = listings
        self._calls = calls
        self._consents = consents
        self._identities = identities
        self._retention = retention
        self._now = now
        self._invitation, self._record = ReadOnce(Invitation.of), ReadOnce(SharedCallRecord.of)

    @property
    def rules(self) -> Sequence[Rule]:
        in_line = "all listings of the call are brought in line with its record"
        return (
            readable("listing-unreadable", INVITATIONS, self._invitation),
            Rule(
                "listing-without-record",
                INVITATIONS,
                "the row, which opens nothing, is removed",
                self._lacks_record,
                self._listings.remove_unchanged,
            ),
            Rule("listing-outdated", INVITATIONS, in_line, self._is_outdated, self._settle_listing),
            readable("shared-call-unreadable", SHARED_CALLS, self._record),
            Rule(
                "unshared-call-left",
                SHARED_CALLS,
                "what is left of a call that was unshared is removed",
                self._is_unshared,
                self._settle_record,
            ),
            Rule(
                "shared-call-over",
                SHARED_CALLS,
                "the call, which is no longer shown to anybody, is removed with all its rows",
                self._is_over,
                self._retention.remove,
            ),
            Rule(
                "shared-by-erased",
                SHARED_CALLS,
                "the call, whose owner was erased, is unshared",
                self._is_of_erased,
                self._unshare,
            ),
            Rule(
                "record-without-listing",
                SHARED_CALLS,
                in_line,
                self._lacks_listing,
                self._settle_record,
            ),
            Rule(
                "invitee-without-consent",
                SHARED_CALLS,
                "people whom the owner may no longer invite are removed from the call",
                self._lacks_consent,
                self._settle_record,
            ),
        )

    async def _lacks_record(self, row: Row) -> bool:
        listed = self._invitation(row)
        record = await self._calls.find(listed.call_id)
        if record is None:
            return not standing(listed.places, self._now())  # else it is being shared just now
        return listed.partition not in {record.owner, *record.other_partitions}

    async def _is_outdated(self, row: Row) -> bool:
        """Whether it lists something else than the record says.

        A row that holds only places belongs to a request that has not written the record.
        """
        listed = self._invitation(row)
        record = await self._calls.find(listed.call_id)
        if record is None or record.content is None or listed.content is None:
            return False
        if not record.is_live(self._now()):
            return False  # its rows are removed one by one
        if listed.partition not in {record.owner, record.space, *record.invitees}:
            return False
        return replace(record.content, locator={}) != listed.content

    async def _settle_listing(self, row: Row) -> None:
        await self._calls.settle(str(row.values["owner"]), row.row_key)

    async def _is_unshared(self, row: Row) -> bool:
        return self._record(row).content is None

    async def _is_over(self, row: Row) -> bool:
        return self._retention.is_over(self._record(row), _SWEPT_WITHIN)

    async def _is_of_erased(self, row: Row) -> bool:
        record = self._record(row)
        mapping = await self._identities.row_under(record.owner)
        return mapping is not None and (
            is_erasing(mapping) or is_erased_since(mapping, record.proven_at)
        )

    async def _unshare(self, row: Row) -> None:
        record = self._record(row)
        await self._calls.end_change(record.call_id, record.change_id)

    async def _lacks_listing(self, row: Row) -> bool:
        record = self._record(row)
        if not record.is_live(self._now()):
            return False
        roles = dict.fromkeys(record.invitees, Role.INVITEE)
        roles |= {record.owner: Role.OWNER} | ({record.space: Role.SPACE} if record.space else {})
        for partition in sorted(roles):
            found = await self._listings.find(partition, record.call_id)
            if found is None or Invitation.of(found).content is None:
                return True
        return False

    async def _lacks_consent(self, row: Row) -> bool:
        record = self._record(row)
        if not record.is_live(self._now()):
            return False
        return await self._consents.has_doubtful(record)

    async def _settle_record(self, row: Row) -> None:
        record = self._record(row)
        await self._calls.settle(record.owner, record.call_id)
