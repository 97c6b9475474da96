"""POST /api/callEvents/{callId}: what ACS tells about a call, proven by its token."""

import azure.functions as func

from shared.calls.contract import EventsAnswer
from shared.calls.events import read_events
from shared.http.callbacks import Callback, serve_callback


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve_callback(req, context, apply_events, sender=lambda app: app.callbacks)


async def apply_events(callback: Callback) -> EventsAnswer:
    events = read_events(callback.body)
    landed = await callback.app.calls.land(callback.route["callId"], events)
    await callback.app.attendant.go_on(landed)
    return EventsAnswer(applied=len(events))
