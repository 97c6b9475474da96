"""What a call consists of: a conversation, and the connections that an app has to it.

A connection is what an app steers, by its callConnectionId; a conversation is what people talk in.
Most have one connection, but an app may connect to one group call several times.
"""

import base64
import secrets
import time
import uuid
from asyncio import Future, Task
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import Operation
from devstack.acs_emulator.calls.outcomes import Outcome
from devstack.acs_emulator.wire.identifiers import described


class ConnectionState(StrEnum):
    """The states of the service that occur here; UNKNOWN is what answer says at first."""

    UNKNOWN = "unknown"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass
class Participant:
    """`presses` are keys that they press, one list for each time that tones are collected."""

    raw_id: str
    is_muted: bool = False
    presses: list[list[str]] = field(default_factory=list)

    def described(self) -> dict[str, JsonValue]:
        return {
            "identifier": described(self.raw_id),
            "isMuted": self.is_muted,
            "isOnHold": False,
        }


@dataclass
class Conversation:
    """Who is in a call.

    Args:
        group: the id of the group call that it is, if any.
        sequence: the number of the last change of participants.
    """

    server_call_id: str
    correlation_id: str
    group: str | None = None
    participants: dict[str, Participant] = field(default_factory=dict)
    connections: list["Connection"] = field(default_factory=list)
    sequence: int = -1

    def next_sequence(self) -> int:
        """1, 3, 5: recorded is that numbers rise, and not by one."""
        self.sequence += 2
        return self.sequence

    def people(self) -> set[str]:
        """Who is there besides the app."""
        return self.participants.keys() - {each.own_id for each in self.connections}

    def invitations(self) -> list["Invitation"]:
        return [each for connection in self.connections for each in connection.invitations.values()]


@dataclass
class Invitation:
    """Somebody who is being called.

    Args:
        addition: what asked for it in a call that is connected; None: the call begins with it.
        decided: how they react, told by inspection.
        ringing: the task that waits for it.
    """

    target: str
    timeout_seconds: int
    addition: Operation | None
    decided: Future[str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    ringing: Task[None] | None = None

    def stop_ringing(self) -> None:
        if self.ringing is not None:
            self.ringing.cancel()


@dataclass
class Connection:
    """An app's end of a call. `own_id` is who the app is among the participants."""

    conversation: Conversation
    callback_uri: str
    own_id: str
    state: ConnectionState
    operation_context: str | None
    speech_endpoint: str | None
    source: str | None = None
    targets: list[str] = field(default_factory=list)
    caller_id: str | None = None
    display_name: str | None = None
    answered_by: str | None = None
    invitations: dict[str, Invitation] = field(default_factory=dict)
    end: Outcome | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def properties(self) -> dict[str, JsonValue]:
        """CallConnectionProperties, with what is known of it."""
        properties: dict[str, JsonValue] = {
            "callConnectionId": self.id,
            "serverCallId": self.conversation.server_call_id,
            "callConnectionState": self.state.value,
            "callbackUri": self.callback_uri,
            "correlationId": self.conversation.correlation_id,
            "sourceDisplayName": self.display_name or "",
            "targets": [described(target) for target in self.targets],
        }
        if self.source is not None:
            properties["source"] = described(self.source)
        if self.caller_id is not None:
            properties["sourceCallerIdNumber"] = {"value": self.caller_id}
        if self.answered_by is not None:
            properties["answeredBy"] = {"id": self.answered_by}
        return properties

    def inspected(self) -> dict[str, JsonValue]:
        """All that inspection shows, and a restart has to know."""
        return {
            **self.properties(),
            "operationContext": self.operation_context,
            "ownId": self.own_id,
            "groupCallId": self.conversation.group,
            "participants": [each.described() for each in self.conversation.participants.values()],
            "sequenceNumber": self.conversation.sequence,
            "ringing": [
                {"invitationId": each.id, "participant": each.target}
                for each in self.invitations.values()
            ],
            "resultInformation": self.end.described() if self.end else None,
        }


def new_conversation(group: str | None = None) -> Conversation:
    # The recorded look: an address in base64, with a token and a time.
    token = secrets.token_urlsafe(16)
    address = f"https://conv.example.com/conv/{token}?i=0&e={time.time_ns() // 100}"
    return Conversation(
        server_call_id=base64.b64encode(address.encode()).decode(),
        correlation_id=str(uuid.uuid4()),
        group=group,
    )
