"""The words of Call Automation: ours, and Microsoft's SDK's for them, which is imported when a call
is first made."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

from shared.calls.rows import Call, CallState, Member


@dataclass(frozen=True)
class RepeatabilityHeaders:
    """By which ACS knows a repetition of a request: it has its effect once.

    Attributes:
        id: the Repeatability-Request-ID, a GUID.
        first_sent: when the request was first made.
    """

    id: str
    first_sent: datetime

    @classmethod
    def named(cls, name: str, first_sent: datetime) -> Self:
        """By an id that follows from a name, so that a repetition has the same."""
        return cls(str(uuid.uuid5(uuid.NAMESPACE_OID, name)), first_sent)

    def options(self) -> dict[str, Any]:
        """Of any call of the SDK."""
        sent = format_datetime(self.first_sent.astimezone(UTC), usegmt=True)
        headers = {"Repeatability-Request-ID": self.id, "Repeatability-First-Sent": sent}
        return {"headers": headers}


@dataclass(frozen=True)
class PlaySource:
    """What is played: the audio file at a URL, or a text that is spoken by a voice."""

    url: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    voice: str | None = None


@dataclass(frozen=True)
class ToneRecognition:
    """How tones are collected.

    Attributes:
        stop_tones: `0` to `9`, `*`, `#`, `a` to `d`: each of them ends it.
        first_within, next_within: seconds until the first tone, and between two.
    """

    most: int
    stop_tones: str
    first_within: int
    next_within: int


@dataclass(frozen=True)
class EstablishedCall:
    """A call as ACS has made it.

    Attributes:
        server_call_id: where it is told already.
        own_id: as whom the service is in it, by raw id.
    """

    id: str
    server_call_id: str | None
    own_id: str | None

    def bind(self, call: Call) -> Call:
        """The call after ACS's answer; an event may have come before it."""
        call = call.revived()
        advanced = call.state if call.state is not CallState.PLACING else CallState.CONNECTING
        return replace(
            call,
            state=advanced,
            connection_id=call.connection_id or self.id,
            server_call_id=call.server_call_id or self.server_call_id,
            own_id=self.own_id or call.own_id,
        )


def identifier_of(raw_id: str) -> Any:
    """Of a phone number, or of a user or bot."""
    from azure.communication.callautomation import (
        CommunicationUserIdentifier,
        PhoneNumberIdentifier,
    )

    number = Member(raw_id).phone_number
    return PhoneNumberIdentifier(number) if number else CommunicationUserIdentifier(raw_id)


def phone_of(number: str | None) -> Any:
    """Of a number, if there is one."""
    from azure.communication.callautomation import PhoneNumberIdentifier

    return PhoneNumberIdentifier(number) if number else None


def source_of(source: PlaySource) -> Any:
    """Of what is to be played."""
    from azure.communication.callautomation import FileSource, TextSource

    if source.url is not None:
        return FileSource(url=source.url)
    return TextSource(text=source.text or "", voice_name=source.voice)


# What is pressed, and what ACS calls it.
TONE_NAMES = {
    **dict(
        zip(
            "0123456789",
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            strict=True,
        )
    ),
    **{letter: letter for letter in "abcd"},
    "#": "pound",
    "*": "asterisk",
}
