"""What an export says of calls."""

from collections.abc import Iterable
from typing import Any

from shared.calls.rows import Call


def exported(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """Each call, and its recordings if there are any."""
    return [
        {
            "callId": call.call_id,
            "state": call.state.value,
            "createdAt": call.created_at,
            "toBot": call.bot_state is not None,
            **({"recordings": _recordings_of(call)} if call.recordings.listed else {}),
        }
        for call in calls
    ]


def _recordings_of(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": one.id, "state": one.state.value, "askedAt": one.asked_at}
        for one in call.recordings.listed
    ]
