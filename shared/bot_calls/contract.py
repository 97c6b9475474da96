"""What Event Grid is answered."""

from shared.bodies import Answer
from shared.bot_calls.event_grid import IncomingCallResult


class HandshakeAnswer(Answer):
    """What makes a subscription of Event Grid valid."""

    validation_response: str


class IncomingAnswer(Answer):
    """What became of each event, in their order."""

    results: list[IncomingCallResult]
