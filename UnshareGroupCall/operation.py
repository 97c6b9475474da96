"""DELETE /api/groupCalls/{id}: stop sharing a group call: it disappears from every list.

`id` is the invitation's id, not the group id. If the caller shares no such call, nothing happens.
"""

from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.problems import Conflict


async def unshare_group_call(request: Request[Query, Body]) -> None:
    await request.app.group_calls.unshare(request.caller, request.own_route_id("id"))


OPERATION = Operation(handler=unshare_group_call, problems=(Conflict,))
