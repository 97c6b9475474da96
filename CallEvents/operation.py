"""POST /api/callEvents/{callId}: receive ACS's events about a call; their token is verified.

Every event is applied once, in any order; one that came before changes nothing.
"""

from shared.calls.contract import EventsAnswer
from shared.calls.events import CallEvents, read_events
from shared.http import ACS, Callback, CallbackOperation
from shared.problems import CallRefused, Conflict, Forbidden, NotFound, Throttled
from shared.unavailable import CommunicationUnavailable, Unavailable


async def apply_events(callback: Callback) -> EventsAnswer:
    events = read_events(callback.body)
    applied_events = await callback.app.calls.apply(callback.route["callId"], events)
    await callback.app.attendant.continue_call(applied_events)
    await callback.app.call_recording.continue_call(applied_events)
    return EventsAnswer(applied=len(events))


OPERATION = CallbackOperation(
    handler=apply_events,
    sender=ACS,
    body=CallEvents,
    problems=(
        CallRefused,
        CommunicationUnavailable,
        Conflict,
        Forbidden,
        NotFound,
        Throttled,
        Unavailable,
    ),
)
