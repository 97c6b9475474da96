"""The bodies of Teams meetings; their answers are those of every shared call."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from shared.meetings.links import is_teams_link
from shared.sharing.contract import EventTime, SharingBody, Title

if TYPE_CHECKING:  # nothing that the rules need is loaded with the functions
    from shared.meetings.graph import MeetingPlan

# Graph's lobbyBypassSettings.scope: who need not wait.
type Lobby = Literal[
    "everyone",
    "invited",
    "organization",
    "organizationAndFederated",
    "organizationExcludingGuests",
    "organizer",
]


class MeetingBody(SharingBody):
    """A meeting to be made in Teams. `externalId` is the client's own name for it."""

    external_id: Annotated[str, Field(min_length=1, max_length=256)]
    subject: Title
    starts_at: EventTime
    ends_at: EventTime
    lobby: Lobby | None = None

    def read(self) -> "MeetingPlan":
        from shared.meetings.graph import MeetingPlan

        return MeetingPlan(self.subject, self.starts_at, self.ends_at, self.lobby)


def _of_teams(url: str) -> str:
    if not is_teams_link(url):
        raise ValueError("is no link to join a Teams meeting")
    return url


class MeetingLinkBody(SharingBody):
    """A meeting that was made in Outlook, Teams or Bookings."""

    join_web_url: Annotated[str, Field(max_length=2048), AfterValidator(_of_teams)]
    title: Title | None = None
