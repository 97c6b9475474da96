"""The parts for the buddy list, and for calls and meetings that people share."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.identity_parts import IdentityParts

if TYPE_CHECKING:
    from shared.friends.friends import Friends
    from shared.friends.withdrawn import WithdrawnRequests
    from shared.meetings.graph import GraphApi
    from shared.meetings.meetings import Meetings
    from shared.meetings.retention import MeetingRetention
    from shared.meetings.scheduled_meetings import ScheduledMeetings
    from shared.sharing.group_calls import GroupCalls
    from shared.sharing.invitations import Invitations
    from shared.sharing.retention import SharedCallRetention
    from shared.sharing.shared_calls import SharedCalls


class SharingParts(IdentityParts):
    """The buddy list, shared calls, and Teams meetings."""

    @cached_property
    def friends(self) -> "Friends":
        from shared.friends.friends import Friends

        return Friends(
            self.friendships,
            self.identities,
            self.tokens,
            self.invitations,
            self.intents,
            self.withdrawn_requests,
            self._resource,
            self._now,
        )

    @cached_property
    def withdrawn_requests(self) -> "WithdrawnRequests":
        from shared.friends.withdrawn import WithdrawnRequests

        return WithdrawnRequests(self._table(tables.FRIENDS), self.intents, self._now)

    @cached_property
    def group_calls(self) -> "GroupCalls":
        from shared.sharing.group_calls import GroupCalls

        return GroupCalls(self.invitations, self._now)

    @cached_property
    def invitations(self) -> "Invitations":
        from shared.sharing.invitations import Invitations

        return Invitations(
            self._table(tables.INVITATIONS),
            self.shared_calls,
            self.friendships,
            self.identities,
            self.intents,
            self._now,
        )

    @cached_property
    def shared_calls(self) -> "SharedCalls":
        from shared.sharing.shared_calls import SharedCalls

        return SharedCalls(
            self._table(tables.INVITATIONS),
            self._table(tables.SHARED_CALLS),
            self.friendships,
            self.identities,
            self._now,
        )

    @cached_property
    def shared_call_retention(self) -> "SharedCallRetention":
        from shared.sharing.retention import SharedCallRetention

        table = self._table(tables.SHARED_CALLS)
        return SharedCallRetention(table, self.shared_calls, self.intents, self._now)

    @cached_property
    def meetings(self) -> "Meetings":
        from shared.meetings.meetings import Meetings

        return Meetings(
            self.invitations,
            self.shared_calls,
            self.scheduled_meetings,
            self.identities,
            self.intents,
            self.graph,
            self.settings.meetings.organizer,
            flight_seconds=self.settings.upstream.timeout,
            now=self._now,
        )

    @cached_property
    def scheduled_meetings(self) -> "ScheduledMeetings":
        from shared.meetings.scheduled_meetings import ScheduledMeetings

        table = self._table(tables.MEETINGS)
        return ScheduledMeetings(table, self.graph, self.intents, self._now)

    @cached_property
    def meeting_retention(self) -> "MeetingRetention":
        from shared.meetings.retention import MeetingRetention

        table = self._table(tables.MEETINGS)
        return MeetingRetention(table, self.shared_calls, self.intents, self._now)

    @cached_property
    def graph(self) -> "GraphApi | None":
        from shared.meetings.graph import graph_api

        return graph_api(self.settings.meetings, self.upstream)
