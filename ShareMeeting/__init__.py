"""PUT /api/meetings: share a meeting made in Outlook, Teams or Bookings, by its join link."""

import azure.functions as func

from shared.bodies import Query
from shared.http import Created, Request, serve
from shared.meetings.contract import MeetingLinkBody
from shared.sharing.contract import SharedAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, share_meeting, body=MeetingLinkBody)


async def share_meeting(request: Request[Query, MeetingLinkBody]) -> SharedAnswer | Created:
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
    return Created(answer, answer.path) if new else answer
