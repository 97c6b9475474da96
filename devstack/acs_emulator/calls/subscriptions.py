"""Whether a connection streams its sound, and whether what is said in it is transcribed.

The JSON is recorded, in the recordings of the SDKs for Python and .NET, except for `locale`, which
the newest api-version has in its specification.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

from devstack.acs_emulator.calls.streaming_options import (
    MediaStreamingOptions,
    TranscriptionOptions,
)


class SubscriptionState(StrEnum):
    """Without options it is DISABLED for ever."""

    DISABLED = "disabled"
    INACTIVE = "inactive"
    ACTIVE = "active"


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass
class MediaStreamingSubscription:
    options: MediaStreamingOptions | None = None
    is_active: bool = False
    id: str = field(default_factory=_new_id)

    def as_json(self) -> dict[str, JsonValue]:
        if self.options is None:
            return {"state": SubscriptionState.DISABLED.value}
        return {
            "id": self.id,
            "state": _state(is_active=self.is_active),
            "subscribedContentTypes": [self.options.content_type],
        }


@dataclass
class TranscriptionSubscription:
    """`locale` is the one in use; at first it is that of the options."""

    options: TranscriptionOptions | None = None
    is_active: bool = False
    id: str = field(default_factory=_new_id)
    locale: str = ""

    def __post_init__(self) -> None:
        if self.options is not None:
            self.locale = self.options.locale

    def as_json(self) -> dict[str, JsonValue]:
        if self.options is None:
            return {"state": SubscriptionState.DISABLED.value, "subscribedResultTypes": []}
        types: list[JsonValue] = ["final"]
        if self.options.enable_intermediate_results:
            types.insert(0, "intermediate")
        return {
            "id": self.id,
            "state": _state(is_active=self.is_active),
            "subscribedResultTypes": types,
            "locale": self.locale,
        }


def without_streams(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The stored properties of an ended connection that say that something still streams. Processes
    from before this field have stored none."""
    return {
        name: {**properties[name], "state": SubscriptionState.INACTIVE.value}
        for name in ("mediaStreamingSubscription", "transcriptionSubscription")
        if properties.get(name, {}).get("state") == SubscriptionState.ACTIVE.value
    }


def _state(*, is_active: bool) -> str:
    state = SubscriptionState.ACTIVE if is_active else SubscriptionState.INACTIVE
    return state.value
