"""POST /api/incomingCalls: receive Event Grid's events: answer calls that ring for bots, and note
where recordings are."""

import azure.functions as func

from shared.bot_calls.contract import HandshakeAnswer, IncomingAnswer
from shared.bot_calls.event_grid import read_grid_events
from shared.http import Callback, serve_callback


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve_callback(
        req, context, handle_events, verifier=lambda app: app.event_grid_verifier, is_urgent=True
    )


async def handle_events(callback: Callback) -> HandshakeAnswer | IncomingAnswer:
    callback.app.incoming_calls.check_settings()
    events = read_grid_events(callback.body)
    for event in events:
        if event.validation_code is not None:
            return HandshakeAnswer(validation_response=event.validation_code)
    return IncomingAnswer(results=await callback.app.incoming_calls.handle(events))
