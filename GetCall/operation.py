"""GET /api/calls/{callId?}: show a call, or list the caller's calls, or those to a bot."""

from shared.auth.roles import CALLS_MANAGE
from shared.bodies import Body, Query
from shared.calls.contract import CallsAnswer, CallsQuery, WatchedCallAnswer
from shared.http import OneOrAll, Operation, Request
from shared.problems import NotFound


async def get_call(request: Request[Query, Body]) -> WatchedCallAnswer:
    """Show a call: its state, participants, actions and events.

    Only for a caller who has placed it, or who has `Calls.Manage` in its realm.
    """
    view = await request.app.calls.get(request.caller, request.route["callId"])
    return WatchedCallAnswer.with_events(view)


async def list_calls(request: Request[CallsQuery, Body]) -> CallsAnswer:
    """List the caller's calls, or those to a bot, the newest first.

    Participants have no `user` or `bot` here. To list the calls to a bot takes `Calls.Manage`.
    """
    query = request.query
    calls, after = await request.app.calls.list_for(request.caller, query.page or "", query.bot)
    return CallsAnswer.of(calls, after, query)


OPERATION = OneOrAll(
    segment="callId",
    one=Operation(
        handler=get_call,
        service_role=CALLS_MANAGE,
        problems=(NotFound,),
        links={
            "/calls/{callId}/participants/{participantId}": "$response.body#/participants/0/id",
        },
    ),
    all=Operation(
        handler=list_calls, query=CallsQuery, service_role=CALLS_MANAGE, problems=(NotFound,)
    ),
)
