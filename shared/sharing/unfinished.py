"""Finishes dead requests to share and to unshare, for the timer `Tidy`."""

from collections.abc import Mapping

from shared.identity.identities import Identities
from shared.identity.rows import is_erased_since, is_erasing
from shared.intents import Finisher, Intent
from shared.sharing.packed_keys import packed, unpacked
from shared.sharing.rows import SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Value

# Kinds of intents, whose subject is a call id. Their details are `owner`, the PartitionKey of the
# owner's mapping; of UNSHARE also `change`, which names the record that was to be unshared; of
# SHARE also those of `sharing_details`, which earlier versions did not write.
SHARE = "share"
UNSHARE = "unshare"


def sharing_details(draft: SharedCallRecord) -> dict[str, Value]:
    """What an intent to share keeps. It names the partitions of its rows: if they are written after
    others have removed the record, nothing else leads to them."""
    return {"owner": draft.owner, "invitees": packed(draft.invitees), "space": draft.space}


class UnfinishedSharings:
    """Settles the listings from the record, and withdraws; it shares nothing."""

    def __init__(self, calls: SharedCalls, identities: Identities) -> None:
        self._calls = calls
        self._identities = identities

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        return {SHARE: self._finish_sharing, UNSHARE: self._finish_unsharing}

    async def _finish_sharing(self, intent: Intent) -> None:
        """Bring the listings in line with the record, or unshare what an erased owner shared."""
        owner = str(intent.details["owner"])
        record = await self._calls.find(intent.subject)
        if record is not None and record.owner == owner and await self._is_erased(record):
            await self._calls.end_change(intent.subject, record.change_id)
        await self._calls.finish(owner, intent.subject)
        invitees, space = (str(intent.details.get(name, "")) for name in ("invitees", "space"))
        partitions = unpacked(invitees) | ({space} - {""})
        await self._calls.remove_orphans(intent.subject, partitions)

    async def _finish_unsharing(self, intent: Intent) -> None:
        """Unshare the call, unless the owner has shared it again since."""
        owner, change_id = str(intent.details["owner"]), intent.details["change"]

        def is_meant(found: SharedCallRecord) -> bool:
            is_ended = found.content is None
            return found.owner == owner and (is_ended or found.change_id == change_id)

        await self._calls.end(intent.subject, is_meant)
        await self._calls.finish(owner, intent.subject)

    async def _is_erased(self, record: SharedCallRecord) -> bool:
        row = await self._identities.row_under(record.owner)
        return row is not None and (is_erasing(row) or is_erased_since(row, record.proven_at))
