"""The rules of all packages, on the tables of one deployment. Rules of new rows are added here.

It is below `shared.app`, which serves requests: a command builds for itself what it needs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import tables
from shared.calls.checks import CallChecks
from shared.calls.reconciling import Acs, CallReconciling
from shared.calls.records import CallRecords
from shared.checking import ChecksRows, Rule, readable
from shared.friends.checks import FriendshipChecks
from shared.friends.friendships import Friendships
from shared.friends.withdrawn import WithdrawnRequests
from shared.identity.checks import IdentityChecks
from shared.identity.identities import Identities
from shared.identity.spares import AcsDeletion
from shared.intents import Intent, Intents, RunNote
from shared.meetings.checks import MeetingChecks
from shared.privacy.checks import ErasureChecks
from shared.sharing.checks import SharingChecks
from shared.sharing.consent import ConsentChecks
from shared.sharing.retention import SharedCallRetention
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Row, Table
from shared.teams_phone.checks import AgentChecks


@dataclass(frozen=True)
class Deployment:
    """What the rules are about.

    Attributes:
        table: gives the table of a name.
        resource: names the ACS resource, as the keys of mappings do.
        retention_days: how long calls are kept.
        realms: all realms whose people sign in here.
    """

    table: Callable[[str], Table]
    resource: str
    calls: Acs
    identities: AcsDeletion
    retention_days: int
    realms: Collection[str]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def rules_of(deployment: Deployment) -> list[Rule]:
    """All rules of all tables."""
    return [rule for part in _parts(deployment) for rule in part.rules]


def _parts(of: Deployment) -> Sequence[ChecksRows]:
    table, now = of.table, of.now
    intents = Intents(table(tables.INTENTS), now)
    identities = Identities(table(tables.IDENTITIES), of.resource, now)
    friendships = Friendships(table(tables.FRIENDS), now)
    listings = table(tables.INVITATIONS)
    shared_calls = SharedCalls(listings, table(tables.SHARED_CALLS), friendships, identities, now)
    call_records = CallRecords(table(tables.CALLS), of.retention_days, now)
    reconciling = CallReconciling(call_records, of.calls, now)
    return (
        IdentityChecks(table(tables.IDENTITIES), of.identities),
        ErasureChecks(intents),
        FriendshipChecks(
            table(tables.FRIENDS),
            table(tables.IDENTITIES),
            friendships,
            WithdrawnRequests(table(tables.FRIENDS), intents, now),
        ),
        SharingChecks(
            listings,
            shared_calls,
            ConsentChecks(friendships, identities),
            identities,
            SharedCallRetention(table(tables.SHARED_CALLS), shared_calls, intents, now),
            now,
        ),
        MeetingChecks(table(tables.MEETINGS), shared_calls, intents, now),
        CallChecks(
            table(tables.CALLS),
            call_records,
            of.calls,
            reconciling,
            intents,
            identities,
            of.retention_days,
            now,
        ),
        AgentChecks(table(tables.AGENTS), intents, of.realms),
        _IntentChecks(),
    )


class _IntentChecks:
    """The rules of the table `intents`, whose rows several packages write."""

    @property
    def rules(self) -> Sequence[Rule]:
        return (
            readable("intent-unreadable", tables.INTENTS, _read_intent),
            Rule(
                "intent-failing",
                tables.INTENTS,
                "Tidy tries it once a day; its log says why it fails.",
                self._fails,
                subjects=lambda _row: (),
            ),
        )

    async def _fails(self, row: Row) -> bool:
        return not _is_note(row) and Intent.of(row).attempts >= _FAILING


# After so many attempts Tidy has tried for a day.
_FAILING = 9


def _is_note(row: Row) -> bool:
    return "sweptAt" in row.values


def _read_intent(row: Row) -> None:
    if _is_note(row):
        RunNote.of(row)
    else:
        Intent.of(row)
