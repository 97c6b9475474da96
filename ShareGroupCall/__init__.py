"""POST /api/groupCalls: share a group call's id with friends, named users or a space."""

import azure.functions as func

from shared.bodies import Query
from shared.http import Created, Request, serve
from shared.sharing.contract import GroupCallBody, SharedAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, share_group_call, body=GroupCallBody)


async def share_group_call(request: Request[Query, GroupCallBody]) -> SharedAnswer | Created:
    wanted = request.body
    shared, invited, new = await request.app.group_calls.share(
        request.caller,
        str(wanted.group_id),
        wanted.title,
        wanted.starts_at,
        wanted.ends_at,
        wanted.audience.read(),
    )
    answer = SharedAnswer.for_owner(shared, invited)
    return Created(answer, answer.path) if new else answer
