"""PUT /api/meetings: share a meeting made in Outlook, Teams or Bookings, by its join link.

201, or 200 for one that the caller shares already. If Entra has signed the caller in, the title
and the times of the caller's own meeting are read from Teams.
"""

from shared.bodies import Query
from shared.bounds import IN_SPACE, INVITEES, SHARED, SHARINGS
from shared.http import Created, Operation, Request
from shared.meetings.contract import MeetingLinkBody
from shared.problems import Conflict, Throttled, TooManyShared
from shared.sharing.contract import SharedAnswer
from shared.unavailable import GraphUnavailable


async def share_meeting(
    request: Request[Query, MeetingLinkBody],
) -> SharedAnswer | Created[SharedAnswer]:
    wanted = request.body
    shared, invited, new = await request.app.meetings.share(
        request.caller,
        wanted.join_web_url,
        wanted.title,
        wanted.starts_at,
        wanted.ends_at,
        wanted.audience.read(),
    )
    answer = SharedAnswer.for_owner(shared, invited)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=share_meeting,
    body=MeetingLinkBody,
    problems=(Conflict, GraphUnavailable, Throttled, TooManyShared),
    limits=(IN_SPACE, INVITEES, SHARED, SHARINGS),
    links={"/meetings/{id}": "$response.body#/id", "/invitations/{id}": "$response.body#/id"},
)
