"""Wanted meetings: what a request is going to have in Teams."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.meetings.graph import MeetingPlan
from shared.meetings.rows import ScheduledMeeting


@dataclass(frozen=True)
class WantedMeeting:
    """A meeting that an owner wants to have.

    Attributes:
        owner: PartitionKey of the scheduling person's mapping.
        external_id: the owner's own id of it.
        proven_at: when the token was issued with which the owner schedules it.
        organizers: object ids of Entra users, the preferred one first. The first whom Graph lets us
            act for becomes the organizer, and stays it.
        note: writes the audit line of a meeting that Teams has made.
    """

    owner: str
    call_id: str
    external_id: str
    plan: MeetingPlan
    proven_at: datetime
    organizers: Sequence[str]
    note: Callable[[], None]

    def note_if_new(self, scheduled: ScheduledMeeting) -> None:
        """Write the line before the row says so: so no kill and no lost answer leaves it out."""
        if scheduled.graph_id is None:
            self.note()
