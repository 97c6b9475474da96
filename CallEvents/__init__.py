"""POST /api/callEvents/{callId}: receive ACS's events about a call; their token is verified."""

import azure.functions as func

from shared.calls.contract import EventsAnswer
from shared.calls.events import read_events
from shared.http import Callback, serve_callback


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve_callback(
        req, context, apply_events, verifier=lambda app: app.callback_verifier
    )


async def apply_events(callback: Callback) -> EventsAnswer:
    events = read_events(callback.body)
    applied_events = await callback.app.calls.apply(callback.route["callId"], events)
    await callback.app.attendant.continue_call(applied_events)
    await callback.app.call_recording.continue_call(applied_events)
    return EventsAnswer(applied=len(events))
