"""Bodies of Teams meetings; the answers are those of all shared calls (`sharing.contract`)."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from shared.bodies import Checked
from shared.meetings.links import teams_link
from shared.sharing.contract import EventTime, SharingBody, Title

if TYPE_CHECKING:  # a function folder imports this module, and must not load the rules with it
    from shared.meetings.graph import MeetingPlan

# The people who need not wait in the lobby: the values of Graph's lobbyBypassSettings.scope.
type Lobby = Literal[
    "everyone",
    "invited",
    "organization",
    "organizationAndFederated",
    "organizationExcludingGuests",
    "organizer",
]


class MeetingBody(SharingBody):
    """A meeting to schedule in Teams. `externalId` is the client's own id of it."""

    external_id: Annotated[str, Field(min_length=1, max_length=256)]
    subject: Title
    starts_at: EventTime
    ends_at: EventTime
    lobby: Lobby | None = None

    def read(self) -> "MeetingPlan":
        from shared.meetings.graph import MeetingPlan

        return MeetingPlan(self.subject, self.starts_at, self.ends_at, self.lobby)


class _TeamsLink(Checked):
    format = "teams-meeting-link"


def _teams_link(url: str) -> str:
    link = teams_link(url)
    if link is None:
        raise ValueError("is not a link to join a Teams meeting")
    return link


class MeetingLinkBody(SharingBody):
    """A meeting that a person made in Outlook, Teams or Bookings."""

    join_web_url: Annotated[str, Field(max_length=2048), _TeamsLink(_teams_link)]
    title: Title | None = None
