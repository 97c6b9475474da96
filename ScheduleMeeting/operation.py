"""POST /api/meetings: schedule a Teams meeting, and share how to join it.

201 for a new meeting; 200 if the caller has made one with this `externalId`, which is then
changed. `invited` counts the friends or named users who see it; it is 0 for a space.
"""

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Query
from shared.bounds import IN_SPACE, INVITEES, SHARED, SHARINGS
from shared.http import Created, Operation, Request
from shared.meetings.contract import MeetingBody
from shared.problems import Conflict, MeetingRefused, NotConfigured, Throttled, TooManyShared
from shared.sharing.contract import SharedAnswer
from shared.unavailable import GraphUnavailable


async def schedule_meeting(
    request: Request[Query, MeetingBody],
) -> SharedAnswer | Created[SharedAnswer]:
    wanted = request.body
    shared, invited, new = await request.app.meetings.schedule(
        request.caller, wanted.external_id, wanted.read(), wanted.audience.read()
    )
    answer = SharedAnswer.for_owner(shared, invited)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=schedule_meeting,
    body=MeetingBody,
    role=MEETINGS_SCHEDULE,
    problems=(Conflict, GraphUnavailable, MeetingRefused, NotConfigured, Throttled, TooManyShared),
    limits=(IN_SPACE, INVITEES, SHARED, SHARINGS),
    links={"/meetings/{id}": "$response.body#/id", "/invitations/{id}": "$response.body#/id"},
)
