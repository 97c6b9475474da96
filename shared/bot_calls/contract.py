"""The answers to Event Grid."""

from shared.bodies import Answer
from shared.bot_calls.event_grid import IncomingCallResult


class HandshakeAnswer(Answer):
    """Confirms a new subscription of Event Grid: repeats the code of its validation event."""

    validation_response: str


class IncomingAnswer(Answer):
    """The result of each event, in the order of the events."""

    results: list[IncomingCallResult]
