"""The CloudEvents that tell an app what happens in its calls, in the recorded shape."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from pydantic import JsonValue

from devstack.acs_emulator.callbacks.delivery import Callbacks
from devstack.acs_emulator.calls.bodies import Operation
from devstack.acs_emulator.calls.connections import Connection, ConnectionState, Conversation
from devstack.acs_emulator.calls.outcomes import ENDED_BY_RESTART, SUCCESS, Outcome
from devstack.acs_emulator.wire.gate import CALL_VERSIONS
from devstack.acs_emulator.wire.identifiers import described

PREFIX = "Microsoft.Communication."
NOTHING: Mapping[str, JsonValue] = MappingProxyType({})


class Events:
    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks

    def tell(self, connection: Connection, name: str, outcome: Outcome = SUCCESS) -> None:
        """An event of the connection as a whole, with the context that it was made with."""
        self._post(_known_of(connection), name, outcome, connection.operation_context, None, {})

    def tell_operation(
        self,
        connection: Connection,
        operation: Operation,
        name: str,
        outcome: Outcome = SUCCESS,
        more: Mapping[str, JsonValue] = NOTHING,
    ) -> None:
        """An event of one operation, with its context, to the address that it named if any.

        Args:
            more: what events of this name say besides the usual.
        """
        self._post(
            _known_of(connection),
            name,
            outcome,
            operation.operation_context,
            operation.operation_callback_uri,
            more,
        )

    def tell_participants(self, conversation: Conversation) -> None:
        """To every connection that is in the call: who else is, under one number for all."""
        number = conversation.next_sequence()
        participants: list[JsonValue] = [
            each.described() for each in conversation.participants.values()
        ]
        for connection in conversation.connections:
            if connection.state is not ConnectionState.CONNECTED:
                continue
            self._post(
                _known_of(connection),
                "ParticipantsUpdated",
                SUCCESS,
                None,
                None,
                {"participants": participants, "sequenceNumber": number},
            )

    def tell_restart(self, content: dict[str, JsonValue]) -> None:
        """The end of a call of an earlier process, of which only its last record is left."""
        context = content["operationContext"]
        self._post(
            content,
            "CallDisconnected",
            ENDED_BY_RESTART,
            context if isinstance(context, str) else None,
            None,
            {},
        )

    def _post(
        self,
        known: dict[str, JsonValue],
        name: str,
        outcome: Outcome,
        context: str | None,
        url: str | None,
        more: Mapping[str, JsonValue],
    ) -> None:
        event_id, connection = str(uuid.uuid4()), str(known["callConnectionId"])
        data: dict[str, JsonValue] = {
            **more,
            "version": CALL_VERSIONS[-1],
            "resultInformation": outcome.described(),
            "callConnectionId": connection,
            "serverCallId": known["serverCallId"],
            "correlationId": known["correlationId"],
            "publicEventType": PREFIX + name,
        }
        if context is not None:
            data["operationContext"] = context
        event = {
            "id": event_id,
            "source": f"calling/callConnections/{connection}",
            "type": PREFIX + name,
            "data": data,
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00",  # .NET's seven digits
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "subject": f"calling/callConnections/{connection}",
        }
        self._callbacks.post(
            connection=connection,
            id=event_id,
            type=PREFIX + name,
            url=url or str(known["callbackUri"]),
            body=json.dumps([event]),
        )


def participant(raw_id: str) -> dict[str, JsonValue]:
    """What events about one participant add."""
    return {"participant": described(raw_id)}


def _known_of(connection: Connection) -> dict[str, JsonValue]:
    return {
        "callConnectionId": connection.id,
        "serverCallId": connection.conversation.server_call_id,
        "correlationId": connection.conversation.correlation_id,
        "callbackUri": connection.callback_uri,
    }
