"""Our types for Call Automation, and how they become those of Microsoft's SDK.

The SDK is imported when a call is first made: no other request should pay for it.
"""

import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self

from shared.calls.participants import Participant
from shared.calls.rows import Call, CallState

# The raw id of an agent: the resource, the tenant and the user, in Azure's public cloud (reference:
# "Agents"). Those of users and bots have two parts.
_AGENT = re.compile("8:acs:([^_:]+)_([^_:]+)_([^_:]+)")
# No ids of ACS's, because they are no segment of a URL: the SDK raises a ValueError for the first,
# and the others are resolved.
NO_IDS = frozenset({"", ".", ".."})


@dataclass(frozen=True)
class RepeatabilityHeaders:
    """The headers by which ACS recognizes a repeated request, so that it has its effect once.

    Attributes:
        id: the Repeatability-Request-ID, a GUID.
        first_sent: the Repeatability-First-Sent, when the request was first made.
    """

    id: str
    first_sent: datetime

    @classmethod
    def for_name(cls, name: str, first_sent: datetime) -> Self:
        """Derive the id from a name, so that a repetition has the same id."""
        return cls(str(uuid.uuid5(uuid.NAMESPACE_OID, name)), first_sent)

    def options(self) -> dict[str, Any]:
        """The keyword arguments for a method of the SDK."""
        first_sent = format_datetime(self.first_sent.astimezone(UTC), usegmt=True)
        headers = {"Repeatability-Request-ID": self.id, "Repeatability-First-Sent": first_sent}
        return {"headers": headers}


@dataclass(frozen=True)
class PlaySource:
    """What is played: the audio file at a URL, or a text that a voice speaks."""

    url: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    voice: str | None = None


@dataclass(frozen=True)
class ToneRecognition:
    """How ACS recognizes the tones that somebody presses.

    Attributes:
        max_tones: the recognition ends after so many.
        stop_tones: each of these ends the recognition: `0` to `9`, `*`, `#`, `a` to `d`.
        initial_silence_timeout: seconds to wait for the first tone.
        inter_tone_timeout: seconds to wait for each further tone.
    """

    max_tones: int
    stop_tones: str
    initial_silence_timeout: int
    inter_tone_timeout: int


@dataclass(frozen=True)
class EstablishedCall:
    """A call that ACS has made or answered for us.

    Attributes:
        id: the callConnectionId.
        server_call_id: None if ACS does not give it yet.
        own_id: raw id of the service itself in the call; None if ACS does not give it.
        is_connected: whether ACS says that somebody is in it.
    """

    id: str
    server_call_id: str | None
    own_id: str | None
    is_connected: bool = False

    def bind(self, call: Call) -> Call:
        """The call after ACS's response. An event may have come before it: what that set stays.

        A call that is bound to another connection stays as it is: this is a second call of ACS's.
        """
        if call.connection_id not in (None, self.id):
            return call
        call = call.revived()
        return replace(
            call,
            state=call.state if call.state is not CallState.PLACING else CallState.CONNECTING,
            connection_id=self.id,
            server_call_id=call.server_call_id or self.server_call_id,
            own_id=self.own_id or call.own_id,
        )

    def complete(self, call: Call, at: datetime) -> Call:
        """The call with what a look at ACS shows and its record lacks, because an answer or an
        event was lost.

        The record of a call to a bot always has the bot's id; here ACS names the caller of it.

        Args:
            at: when ACS's answer was there, so not before anything that it says.
        """
        if call.connection_id != self.id or not call.is_ongoing:
            return call
        call = call.revived()
        state = CallState.CONNECTED if self.is_connected else CallState.CONNECTING
        return replace(
            call,
            state=max(call.state, state, key=lambda one: one.rank),
            # An event that comes after all has the true time, which is earlier.
            connected_at=call.connected_at or (at if self.is_connected else None),
            server_call_id=call.server_call_id or self.server_call_id,
            own_id=call.own_id or (self.own_id if call.bot_state is None else None),
        )


def identifier_of(raw_id: str) -> Any:
    """The SDK's identifier of a phone number, of an agent in Teams, or of a user or bot."""
    from azure.communication.callautomation import (
        CommunicationUserIdentifier,
        PhoneNumberIdentifier,
        TeamsExtensionUserIdentifier,
    )

    number = Participant(raw_id).phone_number
    if number:
        return PhoneNumberIdentifier(number)
    agent = _AGENT.fullmatch(raw_id)
    if agent is None:
        return CommunicationUserIdentifier(raw_id)
    resource, tenant, user = agent.groups()
    return TeamsExtensionUserIdentifier(user_id=user, tenant_id=tenant, resource_id=resource)


def account_of(object_id: str | None) -> Any:
    """The SDK's identifier of a Teams resource account, or None."""
    from azure.communication.callautomation import MicrosoftTeamsAppIdentifier

    return MicrosoftTeamsAppIdentifier(object_id) if object_id else None


def phone_of(number: str | None) -> Any:
    """The SDK's identifier of a phone number, if one is given."""
    from azure.communication.callautomation import PhoneNumberIdentifier

    return PhoneNumberIdentifier(number) if number else None


def source_of(source: PlaySource) -> Any:
    """The SDK's play source."""
    from azure.communication.callautomation import FileSource, TextSource

    if source.url is not None:
        return FileSource(url=source.url)
    return TextSource(text=source.text or "", voice_name=source.voice)


# The tones, and ACS's names for them.
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
