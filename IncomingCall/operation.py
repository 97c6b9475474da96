"""POST /api/incomingCalls: receive Event Grid's events: answer ringing calls, and note recordings.

The result of each event is `answered`, `filed` (of a recording), `ignored` (of another kind),
`no-bot`, `standalone` (no Teams resource account is called, and the settings have no other calls
answered), `stranger` (its caller is nobody of the bot's realm), `late`, `missed` or `busy`. The
validation handshake is answered with its code. If an event cannot be handled now, the answer is
502, so that Event Grid delivers it again soon.
"""

from shared.bot_calls.contract import HandshakeAnswer, IncomingAnswer
from shared.bot_calls.event_grid import GridEvents, read_grid_events
from shared.http import EVENT_GRID, Callback, CallbackOperation
from shared.problems import Conflict, Throttled


async def handle_events(callback: Callback) -> HandshakeAnswer | IncomingAnswer:
    callback.app.incoming_calls.check_settings()
    events = read_grid_events(callback.body)
    for event in events:
        if event.validation_code is not None:
            return HandshakeAnswer(validation_response=event.validation_code)
    return IncomingAnswer(results=await callback.app.incoming_calls.handle(events))


OPERATION = CallbackOperation(
    handler=handle_events,
    sender=EVENT_GRID,
    body=GridEvents,
    is_urgent=True,
    problems=(Conflict, Throttled),
)
