"""Call Automation: connections and participants."""

from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import (
    call_not_found,
    foreign_caller_id,
    invalid_field,
    missing_caller_id,
    not_emulated,
    participant_not_found,
)
from devstack.acs_emulator.calls.bodies import (
    AddParticipant,
    AnswerCall,
    CancelAddParticipant,
    Connect,
    CreateCall,
    Locator,
    MuteParticipants,
    RedirectCall,
    RejectCall,
    RemoveParticipant,
    read_body,
)
from devstack.acs_emulator.calls.connections import Connection, Conversation, Participant
from devstack.acs_emulator.calls.incoming_calls import IncomingCalls
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.answers import json_answer
from devstack.acs_emulator.wire.gate import Gate
from devstack.acs_emulator.wire.identifiers import ACS_USER, is_phone

CONNECTIONS = "/calling/callConnections"
CONNECTION = CONNECTIONS + "/{id:[^/:]+}"
PARTICIPANTS = CONNECTION + "/participants"


class CallsApi:
    """The effects of the operations, for requests that were already admitted.

    Args:
        caller_id: the one phone number that the resource has.
    """

    def __init__(
        self,
        *,
        switchboard: Switchboard,
        participants: Participants,
        incoming: IncomingCalls,
        repeatability: Repeatability,
        caller_id: str,
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._incoming = incoming
        self._once = repeatability.once
        self._caller_id = caller_id

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        guard = gate.guard
        return [
            web.post(CONNECTIONS, guard("createCall", self.create)),
            web.post(f"{CONNECTIONS}:answer", guard("answerCall", self.answer)),
            web.post(f"{CONNECTIONS}:connect", guard("connectCall", self.connect)),
            web.post(f"{CONNECTIONS}:redirect", guard("redirectCall", self.redirect)),
            web.post(f"{CONNECTIONS}:reject", guard("rejectCall", self.reject)),
            web.get(CONNECTION, guard("getCall", self.get), allow_head=False),
            web.delete(CONNECTION, guard("hangUp", self.hang_up)),
            web.post(f"{CONNECTION}:terminate", guard("terminateCall", self.terminate)),
            web.get(
                PARTICIPANTS, guard("listParticipants", self.list_participants), allow_head=False
            ),
            web.get(
                PARTICIPANTS + "/{participant}",
                guard("getParticipant", self.get_participant),
                allow_head=False,
            ),
            web.post(f"{PARTICIPANTS}:add", guard("addParticipant", self.add)),
            web.post(f"{PARTICIPANTS}:remove", guard("removeParticipant", self.remove)),
            web.post(f"{PARTICIPANTS}:mute", guard("muteParticipants", self.mute)),
            web.post(
                f"{PARTICIPANTS}:cancelAddParticipant",
                guard("cancelAddParticipant", self.cancel_add),
            ),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections"""
        wanted = await read_body(request, CreateCall)

        def effect() -> web.Response:
            self._check_caller_id(wanted.targets, wanted.source_caller_id_number)
            connection = self._switchboard.place(wanted)
            self._participants.call_targets(connection)
            properties = connection.properties()
            del properties["serverCallId"]  # recorded: it is not there yet
            return _call_answer(HTTPStatus.CREATED, connection, properties)

        return await self._once(request, effect)

    async def answer(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:answer"""
        wanted = await read_body(request, AnswerCall)

        def effect() -> web.Response:
            incoming = self._incoming.take(wanted.incoming_call_context)
            connection = self._switchboard.answer(wanted, incoming)
            return _call_answer(HTTPStatus.OK, connection, connection.properties())

        return await self._once(request, effect)

    async def connect(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:connect"""
        wanted = await read_body(request, Connect)

        def effect() -> web.Response:
            conversation = self._located(wanted.call_locator)
            connection = self._switchboard.connect(wanted, conversation)
            return _call_answer(HTTPStatus.OK, connection, connection.properties())

        return await self._once(request, effect)

    async def redirect(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:redirect; where the call goes on is not followed."""
        wanted = await read_body(request, RedirectCall)
        return await self._once(request, lambda: self._take(wanted.incoming_call_context))

    async def reject(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:reject"""
        wanted = await read_body(request, RejectCall)
        return await self._once(request, lambda: self._take(wanted.incoming_call_context))

    async def get(self, request: web.Request) -> web.Response:
        """GET /calling/callConnections/{id}"""
        connection = self._connection_of(request)
        return _call_answer(HTTPStatus.OK, connection, connection.properties())

    async def hang_up(self, request: web.Request) -> web.Response:
        """DELETE /calling/callConnections/{id}: the app leaves"""
        self._switchboard.hang_up(self._connection_of(request))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def terminate(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}:terminate: for everybody"""

        def effect() -> web.Response:
            self._switchboard.terminate(self._connection_of(request))
            return web.Response(status=HTTPStatus.NO_CONTENT)

        return await self._once(request, effect)

    async def list_participants(self, request: web.Request) -> web.Response:
        """GET /calling/callConnections/{id}/participants: all on one page"""
        people = self._connection_of(request).conversation.participants
        return json_answer(HTTPStatus.OK, {"value": [each.described() for each in people.values()]})

    async def get_participant(self, request: web.Request) -> web.Response:
        """GET /calling/callConnections/{id}/participants/{raw id}"""
        people = self._connection_of(request).conversation.participants
        person = people.get(request.match_info["participant"])
        if person is None:
            raise participant_not_found()
        return json_answer(HTTPStatus.OK, person.described())

    async def add(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:add"""
        wanted = await read_body(request, AddParticipant)

        def effect() -> web.Response:
            connection = self._established(request)
            added = wanted.participant_to_add
            self._check_caller_id([added], wanted.source_caller_id_number)
            invitation = self._participants.add(connection, wanted)
            answer: dict[str, JsonValue] = {
                "participant": Participant(added).described(),
                "invitationId": invitation.id,
            }
            return _accepted(answer, wanted.operation_context)

        return await self._once(request, effect)

    async def remove(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:remove"""
        wanted = await read_body(request, RemoveParticipant)

        def effect() -> web.Response:
            self._participants.remove(self._established(request), wanted)
            return _accepted({}, wanted.operation_context)

        return await self._once(request, effect)

    async def mute(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:mute"""
        wanted = await read_body(request, MuteParticipants)

        def effect() -> web.Response:
            connection = self._established(request)
            for raw_id in wanted.target_participants:
                if not raw_id.startswith(ACS_USER):  # documented: users of ACS only
                    why = "Only ACS users can be muted."
                    raise invalid_field("targetParticipants", why)
                if raw_id not in connection.conversation.participants:
                    raise participant_not_found()
            self._participants.mute(connection, wanted)
            return _accepted({}, wanted.operation_context, HTTPStatus.OK)

        return await self._once(request, effect)

    async def cancel_add(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:cancelAddParticipant"""
        wanted = await read_body(request, CancelAddParticipant)

        def effect() -> web.Response:
            self._participants.cancel(self._established(request), wanted)
            return _accepted({"invitationId": wanted.invitation_id}, wanted.operation_context)

        return await self._once(request, effect)

    def _connection_of(self, request: web.Request) -> Connection:
        return self._switchboard.connection(request.match_info["id"])

    def _established(self, request: web.Request) -> Connection:
        return self._switchboard.established(request.match_info["id"])

    def _take(self, context: str) -> web.Response:
        self._incoming.take(context)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _check_caller_id(self, targets: list[str], caller_id: str | None) -> None:
        """Phone numbers are called from the resource's own; others need none."""
        if not any(is_phone(target) for target in targets):
            return
        if caller_id is None:
            raise missing_caller_id()
        if caller_id != self._caller_id:
            raise foreign_caller_id(caller_id, self._caller_id)

    def _located(self, locator: Locator) -> Conversation:
        match locator.kind:
            case "groupCallLocator" if locator.group_call_id:
                return self._switchboard.group(locator.group_call_id)
            case "serverCallLocator" if locator.server_call_id:
                conversation = self._switchboard.conversation_with(locator.server_call_id)
                if conversation is None:
                    raise call_not_found()
                return conversation
            case "roomCallLocator":
                raise not_emulated("rooms")
        raise invalid_field("callLocator")


def _call_answer(
    status: int, connection: Connection, properties: dict[str, JsonValue]
) -> web.Response:
    answer = json_answer(status, properties)
    answer.headers["X-Microsoft-Skype-Chain-ID"] = connection.conversation.correlation_id
    return answer


def _accepted(
    answer: dict[str, JsonValue], context: str | None, status: int = HTTPStatus.ACCEPTED
) -> web.Response:
    """Recorded for participants:add alone is the header; assumed for the others."""
    if context is not None:
        answer["operationContext"] = context
    response = json_answer(status, answer)
    response.headers["Repeatability-Result"] = "accepted"
    return response
