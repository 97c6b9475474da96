"""The operations of Call Automation on connections and participants."""

from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.acs_emulator.calls.answers import (
    call_not_found,
    invalid_field,
    invalid_for_teams,
    not_emulated,
    participant_not_found,
)
from devstack.acs_emulator.calls.bodies import (
    AddParticipant,
    AnswerCall,
    CallLocator,
    CancelAddParticipant,
    ConnectCall,
    CreateCall,
    MuteParticipants,
    RedirectCall,
    RejectCall,
    RemoveParticipant,
    TransferToParticipant,
    read_body,
)
from devstack.acs_emulator.calls.connections import Call, CallConnection, Participant
from devstack.acs_emulator.calls.incoming_calls import IncomingCalls
from devstack.acs_emulator.calls.invitations import Invitations
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.calls.teams_accounts import TeamsAccounts
from devstack.acs_emulator.wire.answers import json_answer
from devstack.acs_emulator.wire.gate import Gate
from devstack.acs_emulator.wire.identifiers import ACS_USER

CONNECTIONS = "/calling/callConnections"
CONNECTION = CONNECTIONS + "/{id:[^/:]+}"
PARTICIPANTS = CONNECTION + "/participants"


class CallsApi:
    """The operations, for requests that the gate has admitted."""

    def __init__(
        self,
        *,
        switchboard: Switchboard,
        participants: Participants,
        invitations: Invitations,
        incoming: IncomingCalls,
        repeatability: Repeatability,
        accounts: TeamsAccounts,
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._invitations = invitations
        self._incoming = incoming
        self._once = repeatability.once
        self._accounts = accounts

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
            web.post(f"{CONNECTION}:transferToParticipant", guard("transferCall", self.transfer)),
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
        body = await read_body(request, CreateCall)

        def effect() -> web.Response:
            self._accounts.check_new_call(body)
            connection = self._switchboard.create(body)
            self._invitations.call_targets(connection)
            properties = connection.new_properties()
            del properties["serverCallId"]  # recorded: the answer has none yet
            return _call_answer(HTTPStatus.CREATED, connection, properties)

        return await self._once(request, effect)

    async def answer(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:answer"""
        body = await read_body(request, AnswerCall)

        def effect() -> web.Response:
            incoming = self._incoming.take(body.incoming_call_context)
            connection = self._switchboard.answer(body, incoming)
            properties = connection.new_properties()  # not connected yet, as recorded
            self._invitations.answer(incoming, connection)
            return _call_answer(HTTPStatus.OK, connection, properties)

        return await self._once(request, effect)

    async def connect(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:connect"""
        body = await read_body(request, ConnectCall)

        def effect() -> web.Response:
            call = self._located_call(body.call_locator)
            connection = self._switchboard.connect(body, call)
            return _call_answer(HTTPStatus.OK, connection, connection.properties())

        return await self._once(request, effect)

    async def redirect(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:redirect"""
        body = await read_body(request, RedirectCall)

        def effect() -> web.Response:
            self._invitations.redirect(self._incoming.take(body.incoming_call_context), body.target)
            return web.Response(status=HTTPStatus.NO_CONTENT)

        return await self._once(request, effect)

    async def reject(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections:reject"""
        body = await read_body(request, RejectCall)

        def effect() -> web.Response:
            self._invitations.reject(self._incoming.take(body.incoming_call_context))
            return web.Response(status=HTTPStatus.NO_CONTENT)

        return await self._once(request, effect)

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

    async def transfer(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}:transferToParticipant"""
        body = await read_body(request, TransferToParticipant)

        def effect() -> web.Response:
            connection = self._established(request)
            self._accounts.check_addition(
                connection.call, [body.target_participant], body.source_caller_id_number
            )
            transferee = body.transferee or _only_other(connection)
            if transferee not in connection.call.participants:
                raise participant_not_found()
            if connection.call.leg_of(transferee) is not None:
                raise not_emulated("the transfer of a participant who is an app")
            self._invitations.transfer(
                connection, body.model_copy(update={"transferee": transferee})
            )
            return _accepted({}, body.operation_context)

        return await self._once(request, effect)

    async def list_participants(self, request: web.Request) -> web.Response:
        """GET /calling/callConnections/{id}/participants: all on one page"""
        participants = self._connection_of(request).call.participants.values()
        return json_answer(
            HTTPStatus.OK, {"value": [participant.as_json() for participant in participants]}
        )

    async def get_participant(self, request: web.Request) -> web.Response:
        """GET /calling/callConnections/{id}/participants/{raw id}"""
        participants = self._connection_of(request).call.participants
        participant = participants.get(request.match_info["participant"])
        if participant is None:
            raise participant_not_found()
        return json_answer(HTTPStatus.OK, participant.as_json())

    async def add(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:add"""
        body = await read_body(request, AddParticipant)

        def effect() -> web.Response:
            connection = self._established(request)
            added = body.participant_to_add
            self._accounts.check_addition(
                connection.call,
                [added],
                body.source_caller_id_number,
                body.source_display_name,
            )
            invitation = self._invitations.add(connection, body)
            answer: dict[str, JsonValue] = {
                "participant": Participant(added).as_json(),
                "invitationId": invitation.id,
            }
            return _accepted(answer, body.operation_context)

        return await self._once(request, effect)

    async def remove(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:remove"""
        body = await read_body(request, RemoveParticipant)

        def effect() -> web.Response:
            self._participants.remove(self._established(request), body)
            return _accepted({}, body.operation_context)

        return await self._once(request, effect)

    async def mute(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:mute"""
        body = await read_body(request, MuteParticipants)

        def effect() -> web.Response:
            connection = self._established(request)
            if connection.call.teams_account is not None:  # documented: nobody can be muted there
                raise invalid_for_teams("targetParticipants", "Nobody can be muted.")
            for raw_id in body.target_participants:
                if not raw_id.startswith(ACS_USER):  # documented: only users of ACS
                    why = "Only ACS users can be muted."
                    raise invalid_field("targetParticipants", why)
                if raw_id not in connection.call.participants:
                    raise participant_not_found()
            self._participants.mute(connection, body)
            return _accepted({}, body.operation_context, HTTPStatus.OK)

        return await self._once(request, effect)

    async def cancel_add(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:cancelAddParticipant"""
        body = await read_body(request, CancelAddParticipant)

        def effect() -> web.Response:
            self._participants.cancel(self._established(request), body)
            return _accepted({"invitationId": body.invitation_id}, body.operation_context)

        return await self._once(request, effect)

    def _connection_of(self, request: web.Request) -> CallConnection:
        return self._switchboard.connection(request.match_info["id"])

    def _established(self, request: web.Request) -> CallConnection:
        return self._switchboard.established(request.match_info["id"])

    def _located_call(self, locator: CallLocator) -> Call:
        match locator.kind:
            case "groupCallLocator" if locator.group_call_id:
                return self._switchboard.group_call(locator.group_call_id)
            case "serverCallLocator" if locator.server_call_id:
                call = self._switchboard.find_call(locator.server_call_id)
                if call is None:
                    raise call_not_found()
                return call
            case "roomCallLocator":
                raise not_emulated("rooms")
        raise invalid_field("callLocator")


def _only_other(connection: CallConnection) -> str:
    """The one participant besides the app. [assumed] With several, a transfer has to name one."""
    others = connection.call.participants.keys() - {connection.app_raw_id}
    if len(others) != 1:
        raise invalid_field("transferee", "There is not exactly one other participant.")
    return others.pop()


def _call_answer(
    status: int, connection: CallConnection, properties: dict[str, JsonValue]
) -> web.Response:
    answer = json_answer(status, properties)
    answer.headers["X-Microsoft-Skype-Chain-ID"] = connection.call.correlation_id
    return answer


def _accepted(
    answer: dict[str, JsonValue], context: str | None, status: int = HTTPStatus.ACCEPTED
) -> web.Response:
    """The header is recorded for participants:add, and assumed for the other operations."""
    if context is not None:
        answer["operationContext"] = context
    response = json_answer(status, answer)
    response.headers["Repeatability-Result"] = "accepted"
    return response
