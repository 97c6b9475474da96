"""The app: all groups of parts, and the parts that need several groups."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.call_parts import CallParts
from shared.app.sharing_parts import SharingParts
from shared.app.sign_in_parts import SignInParts
from shared.table_api import TableApi
from shared.tables import Table

if TYPE_CHECKING:
    from shared.identity.bot_places import BotPlaces
    from shared.identity.bots import Bots
    from shared.intents import EndsIntents, Finisher, Sweeps
    from shared.operate.health import Health
    from shared.operate.tidy import Tidy
    from shared.privacy.personal_data import Check, PersonalData, PersonalDataStore, Swept


class App(SignInParts, SharingParts, CallParts):
    """What a request can reach. Make it inside the event loop; it opens no connection yet."""

    @cached_property
    def personal_data(self) -> "PersonalData":
        from shared.friends.withdrawn import WITHDRAWN
        from shared.identity.erasure import IdentityErasure
        from shared.privacy.personal_data import PersonalData

        return PersonalData(
            self.identities,
            self._enrolment,
            IdentityErasure(self._table(tables.IDENTITIES), self._resource, self._now),
            self._acs_identity,
            self.intents,
            lambda: self._stores_on(self._table),
            self._swept,
            self.settings.upstream.timeout,
            needless=(WITHDRAWN,),
            clock=lambda: self._now().timestamp(),
            sleep=self._sleep,
        )

    def _swept(self, check: "Check") -> "Swept":
        from shared.privacy.personal_data import Swept
        from shared.sweeping import SweptTable

        def table(name: str) -> Table:
            client = TableApi(name, self.settings.upstream, self.upstream)
            return SweptTable(client, check)

        return Swept(self._stores_on(table), table(tables.IDENTITIES))

    def _stores_on(self, table: Callable[[str], Table]) -> "Mapping[str, PersonalDataStore]":
        """All stores of personal data. A new store is added here.

        Args:
            table: makes the table of a name. An erasure has tables of its own.
        """
        from shared.calls.calls import Calls
        from shared.calls.records import CallRecords
        from shared.friends.friendships import Friendships
        from shared.meetings.scheduled_meetings import ScheduledMeetings
        from shared.sharing.invitations import Invitations
        from shared.sharing.shared_calls import SharedCalls

        settings, now = self.settings.calls, self._now
        people = self.identities
        friendships = Friendships(table(tables.FRIENDS), now)
        listings, records = table(tables.INVITATIONS), table(tables.SHARED_CALLS)
        shared_calls = SharedCalls(listings, records, friendships, people, now)
        call_records = CallRecords(table(tables.CALLS), settings.retention_days, now)
        return {
            # Before the invitations: a sharing that does not see this change is seen by them.
            "friends": friendships,
            "invitations": Invitations(
                listings, shared_calls, friendships, people, self.intents, now
            ),
            "meetings": ScheduledMeetings(table(tables.MEETINGS), self.graph, self.intents, now),
            "calls": Calls(
                call_records,
                self._call_automation,
                people,
                settings,
                self.intents,
                self._reconciling_of(call_records),
                self._recorded_files_on(table(tables.CALLS)),
            ),
            # Last, because it asks ACS.
            "agents": self._agents_on(table(tables.AGENTS)),
        }

    @cached_property
    def bots(self) -> "Bots":
        from shared.identity.bots import Bots

        return Bots(
            self.identities,
            self._enrolment,
            self.tokens,
            self.personal_data,
            self.bot_places,
            self.settings.upstream.timeout,
            self._now,
        )

    @cached_property
    def bot_places(self) -> "BotPlaces":
        from shared.identity.bot_places import BotPlaces

        return BotPlaces(self._table(tables.IDENTITIES), self.intents, self._now)

    @cached_property
    def tidy(self) -> "Tidy":
        from shared.operate.tidy import Tidy

        return Tidy(self.intents, self._finishers, self._sweepers, now=self._now)

    def _finishers(self) -> "Mapping[str, Finisher]":
        """The finisher of each kind of intent. A new kind is added here."""
        parts: tuple[EndsIntents, ...] = (
            self.personal_data,
            self.bot_places,
            self.call_settling,
            self.friends,
            self.invitations,
            self.meetings,
            self.assigned_agents,
        )
        return {kind: end for part in parts for kind, end in part.finishers.items()}

    def _sweepers(self) -> "Iterable[Sweeps]":
        """The sweepers of rows that are kept only for a time. A new one is added here."""
        return (
            self.call_reconciling,
            self.meeting_retention,
            self.withdrawn_requests,
            self.shared_call_retention,
        )

    @cached_property
    def health(self) -> "Health":
        from shared.operate.health import readiness
        from shared.operate.overdue import TidyWatch

        stored, issuers = map(self._table, tables.ALL), self._issuer_keys.values()
        timeout, watch = self.settings.upstream.timeout, TidyWatch(self.intents, self._now).look
        return readiness([*stored], self._acs_identity, issuers, timeout, watch)
