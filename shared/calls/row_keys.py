"""The RowKeys of the table `calls`."""

from datetime import datetime

from shared.keys import key, milliseconds

# Index rows sort by the milliseconds that are left until then, so that the newest come first.
_END_OF_TIME = 10**16


def index_row(created_at: datetime, call_id: str) -> str:
    """The RowKey of a call in its creator's index: the newest first."""
    return f"call-{_END_OF_TIME - milliseconds(created_at):016}-{call_id}"


def bot_caller_index_row(call_id: str) -> str:
    """The RowKey of a call to a bot in its caller's index."""
    return f"rang-{call_id}"


def request_row(idempotency_key: str) -> str:
    """The RowKey of the row that names the call of an Idempotency-Key."""
    return f"request-{key('request', idempotency_key)}"


def event_row(event_id: str) -> str:
    """The RowKey of an event that was applied."""
    return f"event-{key('event', event_id)}"
