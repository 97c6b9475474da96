"""POST /api/meetings: schedule a Teams meeting, and share how to join it."""

import azure.functions as func

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Query
from shared.http import Created, Request, serve
from shared.meetings.contract import MeetingBody
from shared.sharing.contract import SharedAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, schedule_meeting, body=MeetingBody, role=MEETINGS_SCHEDULE)


async def schedule_meeting(request: Request[Query, MeetingBody]) -> SharedAnswer | Created:
    wanted = request.body
    shared, invited, new = await request.app.meetings.schedule(
        request.caller, wanted.external_id, wanted.read(), wanted.audience.read()
    )
    answer = SharedAnswer.for_owner(shared, invited)
    return Created(answer, answer.path) if new else answer
