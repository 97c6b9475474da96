"""Ann and her meetings, in tables in memory and a Graph in memory, for tests that hold requests."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.intents import SHARDS, Intent, Intents
from shared.meetings.graph import MeetingGone, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.meetings import Meetings
from shared.meetings.scheduled_meetings import ScheduledMeetings
from shared.problems import Problem
from shared.sharing.invitations import Invitations
from shared.sharing.shared_calls import SharedCalls
from shared.tables import (
    FRIENDS,
    IDENTITIES,
    INTENTS,
    INVITATIONS,
    MEETINGS,
    SHARED_CALLS,
    Table,
)
from shared.unavailable import GraphUnavailable
from tests.support.interleaving import Instance, Schedule
from tests.support.memory_tables import memory_clients
from tests.support.world import World

ANN, BEN, CAT = 0, 1, 2
VISIT = "visit"
STARTS_AT = datetime(2026, 1, 2, tzinfo=UTC)
PLAN = MeetingPlan("Visit", STARTS_AT, STARTS_AT + timedelta(hours=1), None)


class FakeGraph:
    """Creates a meeting once for each external id, as Graph does.

    Attributes:
        refusal: what it answers to everything; None to do what it is asked.
        refused_update: what it answers to changes only.
        is_lossy: whether it creates a meeting and does not answer.
        asked: how often it was asked for something.
    """

    def __init__(self) -> None:
        self.living: dict[str, OnlineMeeting] = {}
        self.refusal: Problem | None = None
        self.refused_update: Problem | None = None
        self.is_lossy = False
        self.asked = 0
        self._ids: dict[str, str] = {}
        self._serial = itertools.count(1)

    @property
    def links(self) -> list[str]:
        return [meeting.link for meeting in self.living.values()]

    async def create_or_get(
        self, _organizer: str, external_id: str, _plan: MeetingPlan
    ) -> OnlineMeeting:
        self._may_refuse()
        meeting_id = self._ids.get(external_id)
        if meeting_id not in self.living:
            meeting_id = self._ids[external_id] = f"meeting {next(self._serial)}"
            link = f"https://teams.microsoft.com/l/meetup-join/{meeting_id}"
            self.living[meeting_id] = OnlineMeeting(
                id=meeting_id,
                link=link,
                subject=None,
                starts_at=None,
                ends_at=None,
                lobby=None,
                presenters_admit=True,
                meeting_id=None,
                passcode=None,
                toll_number=None,
                toll_free_number=None,
                conference_id=None,
            )
        if self.is_lossy:
            raise GraphUnavailable
        return self.living[meeting_id]

    async def get(self, _organizer: str, meeting_id: str) -> OnlineMeeting:
        self._may_refuse()
        if meeting_id not in self.living:
            raise MeetingGone
        return self.living[meeting_id]

    async def update(self, organizer: str, meeting_id: str, _plan: MeetingPlan) -> OnlineMeeting:
        if self.refused_update is not None:
            raise self.refused_update
        return await self.get(organizer, meeting_id)

    async def delete(self, _organizer: str, meeting_id: str) -> None:
        self._may_refuse()
        self.living.pop(meeting_id, None)

    def _may_refuse(self) -> None:
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal


@dataclass(frozen=True)
class MeetingService:
    meetings: Meetings
    scheduled: ScheduledMeetings
    calls: SharedCalls
    intents: Intents


class MeetingWorld(World):
    """The people of `World`, who schedule meetings."""

    def __init__(self) -> None:
        super().__init__(memory_clients(), Schedule())
        self.graph = FakeGraph()

    def now(self) -> datetime:
        return self.caller(ANN).issued_at

    def meeting_service(
        self,
        *,
        has_graph: bool = True,
        instance: Instance | None = None,
        stop_after: int = 0,
        lose_after: int = 0,
    ) -> MeetingService:
        """The service on another host.

        Args:
            instance: with which it writes every table.
            stop_after, lose_after: without `instance`, of its writes of meetings and intents; as
                for `Instance`.
        """
        graph: Any = self.graph if has_graph else None
        now = self.now
        on = instance or Instance(self.schedule, stop_after, lose_after)

        def table(name: str) -> Table:
            is_own = instance is not None or name in (MEETINGS, INTENTS)
            return Table(on.client(self._clients[name])) if is_own else self.table(name)

        intents, listings = Intents(table(INTENTS), now), table(INVITATIONS)
        identities = Identities(table(IDENTITIES), "resource", now)
        friendships = Friendships(table(FRIENDS), now)
        calls = SharedCalls(listings, table(SHARED_CALLS), friendships, identities, now)
        invitations = Invitations(listings, calls, friendships, identities, intents, now)
        scheduled = ScheduledMeetings(table(MEETINGS), graph, intents, now)
        meetings = Meetings(
            invitations,
            calls,
            scheduled,
            identities,
            intents,
            graph,
            "organizer",
            flight_seconds=60,
            now=now,
        )
        return MeetingService(meetings, scheduled, calls, intents)

    async def schedules(
        self, audience: str = "space", plan: MeetingPlan = PLAN, *, stop_after: int = 0
    ) -> str:
        """Ann schedules her meeting; the id of its call. `stop_after` as for `Instance`."""
        service = self.meeting_service(instance=Instance(self.schedule, stop_after))
        shared, _, _ = await self.quietly(
            service.meetings.schedule(self.caller(ANN), VISIT, plan, self.audience(audience))
        )
        return shared.call_id

    async def intents_of(self, *kinds: str) -> list[Intent]:
        """The changes of some kinds that have begun and not ended."""
        intents = Intents(self.table(INTENTS), lambda: self.now() + timedelta(days=99))
        due = [one for shard in SHARDS for one in await self.quietly(intents.due(shard, 1000))]
        return [intent for intent in due if intent.kind in kinds]

    async def ann_meeting_rows(self) -> list[Any]:
        return await self.quietly(self.table(MEETINGS).list_for(self.key_of(ANN)))
