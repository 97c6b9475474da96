"""The CloudEvents that report to an app what happens in its calls. Their form is recorded."""

import json
import time
import uuid
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import JsonValue

from devstack.acs_emulator.callbacks.delivery import CallbackDelivery
from devstack.acs_emulator.calls.bodies import Operation
from devstack.acs_emulator.calls.connections import Call, CallConnection, CallConnectionState
from devstack.acs_emulator.calls.results import ENDED_BY_RESTART, SUCCESS, ResultInformation
from devstack.acs_emulator.wire.gate import CALL_VERSIONS
from devstack.acs_emulator.wire.identifiers import identifier_json
from devstack.acs_emulator.wire.times import dotnet_time

PREFIX = "Microsoft.Communication."
NO_FIELDS: Mapping[str, JsonValue] = MappingProxyType({})


class CallEvents:
    """Writes the events, and gives them to the delivery of callbacks."""

    def __init__(self, callbacks: CallbackDelivery) -> None:
        self._callbacks = callbacks

    def send(
        self, connection: CallConnection, name: str, result: ResultInformation = SUCCESS
    ) -> None:
        """Send an event about a whole connection, with the context from its creation."""
        self._send(_ids_of(connection), name, result, connection.operation_context, None, {})

    def send_for_operation(
        self,
        connection: CallConnection,
        operation: Operation,
        name: str,
        result: ResultInformation = SUCCESS,
        fields: Mapping[str, JsonValue] = NO_FIELDS,
    ) -> None:
        """Send an event about one operation, with its context.

        It goes to the callback address of the operation, if the operation has one.

        Args:
            fields: the fields that only events of this name have.
        """
        self._send(
            _ids_of(connection),
            name,
            result,
            operation.operation_context,
            operation.operation_callback_uri,
            fields,
        )

    def send_participants(self, call: Call) -> None:
        """Send the participants to every connected connection, with one number for all of them."""
        number = call.next_sequence()
        participants: list[JsonValue] = [
            participant.as_json() for participant in call.participants.values()
        ]
        for connection in call.connections:
            if connection.state is not CallConnectionState.CONNECTED:
                continue
            self._send(
                _ids_of(connection),
                "ParticipantsUpdated",
                SUCCESS,
                None,
                None,
                {"participants": participants, "sequenceNumber": number},
            )

    def send_ended_by_restart(self, content: dict[str, JsonValue]) -> None:
        """Report the end of a connection of an earlier process, by its stored content."""
        context = content["operationContext"]
        self._send(
            content,
            "CallDisconnected",
            ENDED_BY_RESTART,
            context if isinstance(context, str) else None,
            None,
            {},
        )

    def _send(
        self,
        ids: dict[str, JsonValue],
        name: str,
        result: ResultInformation,
        context: str | None,
        url: str | None,
        fields: Mapping[str, JsonValue],
    ) -> None:
        event_id, connection_id = str(uuid.uuid4()), str(ids["callConnectionId"])
        data: dict[str, JsonValue] = {
            **fields,
            "version": CALL_VERSIONS[-1],
            "resultInformation": result.as_json(),
            "callConnectionId": connection_id,
            "serverCallId": ids["serverCallId"],
            "correlationId": ids["correlationId"],
            "publicEventType": PREFIX + name,
        }
        if context is not None:
            data["operationContext"] = context
        event = {
            "id": event_id,
            "source": f"calling/callConnections/{connection_id}",
            "type": PREFIX + name,
            "data": data,
            "time": dotnet_time(time.time_ns(), "+00:00"),
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "subject": f"calling/callConnections/{connection_id}",
        }
        self._callbacks.send(
            connection_id=connection_id,
            id=event_id,
            type=PREFIX + name,
            url=url or str(ids["callbackUri"]),
            body=json.dumps([event]),
        )


def participant_field(raw_id: str) -> dict[str, JsonValue]:
    """The field of events about one participant."""
    return {"participant": identifier_json(raw_id)}


def _ids_of(connection: CallConnection) -> dict[str, JsonValue]:
    return {
        "callConnectionId": connection.id,
        "serverCallId": connection.call.server_call_id,
        "correlationId": connection.call.correlation_id,
        "callbackUri": connection.callback_uri,
    }
