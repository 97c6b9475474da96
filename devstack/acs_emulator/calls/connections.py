"""A call, and the connections that an app has to it.

An app controls a call through a connection, by its callConnectionId. Most calls have one
connection, but an app may connect to one group call several times.
"""

import base64
import secrets
import time
import uuid
from asyncio import Future, Task
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from devstack.acs_emulator.calls.bodies import Operation, TransferToParticipant
from devstack.acs_emulator.calls.results import ResultInformation
from devstack.acs_emulator.calls.subscriptions import (
    MediaStreamingSubscription,
    TranscriptionSubscription,
)
from devstack.acs_emulator.wire.identifiers import identifier_json
from devstack.acs_emulator.wire.times import millisecond_time

# How many entries of the history inspection shows: a bot plays at most one text for each key.
MOST_REMEMBERED = 100


class CallConnectionState(StrEnum):
    """The states of the service that occur here. A call that is answered is UNKNOWN at first."""

    UNKNOWN = "unknown"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


@dataclass
class Participant:
    """Somebody in a call, or the app itself.

    Args:
        presses: the keys that they will press, one list for each time that the app begins to
            collect tones from them.
        said: how often an app has begun to listen to them since a test has set their far end, which
            `said_for` identifies.
    """

    raw_id: str
    is_muted: bool = False
    is_on_hold: bool = False
    presses: list[list[str]] = field(default_factory=list)
    said: int = 0
    said_for: object = None

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "identifier": identifier_json(self.raw_id),
            "isMuted": self.is_muted,
            "isOnHold": self.is_on_hold,
        }


@dataclass
class Call:
    """The participants of a call, and the connections that the app has to it.

    Args:
        group_id: the id of the group call; None: it is no group call.
        participants: by raw id.
        sequence: the number of the last change of participants.
        has_clients: whether somebody is in it with a client of the calling plane.
        left: why people left who did not do so themselves, by raw id: their clients are told.
        teams_account: the object id of the Teams resource account whose call it is, or None.
    """

    server_call_id: str
    correlation_id: str
    group_id: str | None = None
    participants: dict[str, Participant] = field(default_factory=dict)
    connections: list["CallConnection"] = field(default_factory=list)
    sequence: int = -1
    has_clients: bool = False
    left: dict[str, str] = field(default_factory=dict)
    teams_account: str | None = None

    def next_sequence(self) -> int:
        """1, 3, 5: it is recorded that the numbers rise, and not by one."""
        self.sequence += 2
        return self.sequence

    def people(self) -> set[str]:
        """The participants without the app."""
        return self.participants.keys() - {connection.app_raw_id for connection in self.connections}

    @property
    def goes_on_without_apps(self) -> bool:
        """Whether people still talk when the last app has left: people in a group call, who need
        not be seen, and several people with clients."""
        people = len(self.people())
        return people > 0 if self.group_id is not None else self.has_clients and people > 1

    def leg_of(self, raw_id: str) -> "CallConnection | None":
        """The connection by which the app is that participant, or None if it is not."""
        return next((leg for leg in self.connections if leg.app_raw_id == raw_id), None)

    @property
    def is_over(self) -> bool:
        """Whether nobody is left for the app to talk to, and nobody is being called. The app talks
        to itself where it is both legs; connections that were only added to a call do not count as
        legs.

        A group call is never over: people may still join it.
        """
        if self.group_id is not None or self.people() or self.invitations():
            return False
        legs = [leg for leg in self.connections if not leg.is_added]
        return len(legs) <= 1

    def invitations(self) -> list["Invitation"]:
        return [
            invitation
            for connection in self.connections
            for invitation in connection.invitations.values()
        ]


@dataclass
class Invitation:
    """A person or app that is being called.

    Args:
        addition: the request that adds them to a connected call, or that transfers somebody to
            them; None: they are called by createCall.
        reaction: how they react, if inspection or an app decides it.
        caller, display_name: who calls, as the clients of the target show it.
        call: where the target is after accepting; None: it is not known yet.
        is_made_by_client: whether a person calls with a client, and no app.
        is_announced: whether Event Grid tells an app about it, which may then answer for them.
        is_answered_by_app: whether one did.
        ringing: the task that waits for their reaction.
    """

    target: str
    timeout_seconds: int
    addition: Operation | None
    reaction: Future[str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    caller: str = ""
    display_name: str = ""
    call: Call | None = None
    is_made_by_client: bool = False
    is_announced: bool = False
    is_answered_by_app: bool = False
    ringing: Task[None] | None = None

    @property
    def transfer(self) -> TransferToParticipant | None:
        """The request that transfers somebody to them, or None."""
        return self.addition if isinstance(self.addition, TransferToParticipant) else None

    def stop_ringing(self) -> None:
        if self.ringing is not None:
            self.ringing.cancel()


@dataclass
class CallConnection:
    """An app's connection to a call.

    Args:
        app_raw_id: the raw id of the app among the participants.
        is_added: whether the app connected to a call that others had begun.
        end: why it ended; None: it has not.
        history: what the app has had played, and whom it has called, for inspection.
    """

    call: Call
    callback_uri: str
    app_raw_id: str
    state: CallConnectionState
    operation_context: str | None
    speech_endpoint: str | None
    source: str | None = None
    targets: list[str] = field(default_factory=list)
    caller_id: str | None = None
    display_name: str | None = None
    answered_by: str | None = None
    is_added: bool = False
    media_streaming: MediaStreamingSubscription = field(default_factory=MediaStreamingSubscription)
    transcription: TranscriptionSubscription = field(default_factory=TranscriptionSubscription)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    end: ResultInformation | None = None
    history: list[dict[str, JsonValue]] = field(default_factory=list)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def properties(self) -> dict[str, JsonValue]:
        """The CallConnectionProperties of the service, without those that are not known."""
        properties: dict[str, JsonValue] = {
            "callConnectionId": self.id,
            "serverCallId": self.call.server_call_id,
            "callConnectionState": self.state.value,
            "callbackUri": self.callback_uri,
            "correlationId": self.call.correlation_id,
            "sourceDisplayName": self.display_name or "",
            "targets": [identifier_json(target) for target in self.targets],
            "mediaStreamingSubscription": self.media_streaming.as_json(),
            "transcriptionSubscription": self.transcription.as_json(),
        }
        if self.source is not None:
            properties["source"] = identifier_json(self.source)
        if self.caller_id is not None:
            properties["sourceCallerIdNumber"] = {"value": self.caller_id}
        if self.answered_by is not None:
            properties["answeredBy"] = {"id": self.answered_by}
        return properties

    def new_properties(self) -> dict[str, JsonValue]:
        """As the connection begins. Recorded: transcription is not among them yet."""
        properties = self.properties()
        del properties["transcriptionSubscription"]
        return properties

    def for_inspection(self) -> dict[str, JsonValue]:
        """What inspection shows. It is stored, and the next process ends the connection by it."""
        return {
            **self.properties(),
            "operationContext": self.operation_context,
            "ownId": self.app_raw_id,
            "groupCallId": self.call.group_id,
            "participants": [
                participant.as_json() for participant in self.call.participants.values()
            ],
            "sequenceNumber": self.call.sequence,
            "ringing": [
                {"invitationId": invitation.id, "participant": invitation.target}
                for invitation in self.invitations.values()
            ],
            "resultInformation": self.end.as_json() if self.end else None,
            "history": [*self.history],
        }

    def remember(self, what: str, content: str) -> None:
        """Add to the history, of which the oldest goes when it becomes long.

        Args:
            what: "plays" a text or an address, or "calls" a raw id.
        """
        self.history.append({"at": millisecond_time(time.time_ns()), what: content})
        del self.history[:-MOST_REMEMBERED]


def new_call(group_id: str | None = None, *, teams_account: str | None = None) -> Call:
    # As recorded: an address in base64, with a token and a time.
    token = secrets.token_urlsafe(16)
    address = f"https://conv.example.com/conv/{token}?i=0&e={time.time_ns() // 100}"
    return Call(
        server_call_id=base64.b64encode(address.encode()).decode(),
        correlation_id=str(uuid.uuid4()),
        group_id=group_id,
        teams_account=teams_account,
    )
