"""GET /api/calls/{callId?}: show a call, or list the caller's calls, or those to a bot."""

import azure.functions as func

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.calls.contract import CallsAnswer, CallsQuery, WatchedCallAnswer
from shared.http import Request, serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    if req.route_params.get("callId"):
        return await serve(req, context, get_call, service_role=CALLS_MANAGE)
    return await serve(req, context, list_calls, query=CallsQuery, service_role=CALLS_MANAGE)


async def get_call(request: Request[Query, Body]) -> WatchedCallAnswer:
    view = await request.app.calls.get(request.caller, request.route["callId"])
    return WatchedCallAnswer.with_events(view)


async def list_calls(request: Request[CallsQuery, Body]) -> CallsAnswer:
    query = request.query
    calls, after = await request.app.calls.list_for(request.caller, query.page or "", query.bot)
    return CallsAnswer.of(calls, after, query)
