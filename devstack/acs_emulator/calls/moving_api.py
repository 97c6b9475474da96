"""Participants of one call of the app who are moved into another one."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import Field, JsonValue

from devstack.acs_emulator.calls.answers import invalid_field, not_emulated
from devstack.acs_emulator.calls.api import PARTICIPANTS
from devstack.acs_emulator.calls.bodies import Operation, RawId, read_body
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.answers import json_answer
from devstack.acs_emulator.wire.gate import Gate


class MoveParticipants(Operation):
    """`from_call` is the callConnectionId that the app has in the other call."""

    target_participants: Annotated[list[RawId], Field(min_length=1)]
    from_call: str


class MovingApi:
    """The operation, for requests that the gate has admitted."""

    def __init__(
        self, *, switchboard: Switchboard, participants: Participants, repeatability: Repeatability
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._once = repeatability.once

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        return [web.post(f"{PARTICIPANTS}:moveHere", gate.guard("moveParticipants", self.move))]

    async def move(self, request: web.Request) -> web.Response:
        """POST /calling/callConnections/{id}/participants:moveHere"""
        body = await read_body(request, MoveParticipants)

        def effect() -> web.Response:
            here = self._switchboard.established(request.match_info["id"])
            there = self._switchboard.established(body.from_call)
            self._check(body, here, there)
            self._participants.move(here, there, body, body.target_participants)
            # Documented: those who are in the call now.
            present: list[JsonValue] = [
                participant.as_json() for participant in here.call.participants.values()
            ]
            answer: dict[str, JsonValue] = {"participants": present, "fromCall": there.id}
            if body.operation_context is not None:
                answer["operationContext"] = body.operation_context
            response = json_answer(HTTPStatus.ACCEPTED, answer)
            response.headers["Repeatability-Result"] = "accepted"
            return response

        return await self._once(request, effect)

    def _check(self, body: MoveParticipants, here: CallConnection, there: CallConnection) -> None:
        if here.call is there.call:
            raise invalid_field("fromCall", "It is the same call.")
        if any(there.call.leg_of(raw_id) for raw_id in body.target_participants):
            raise not_emulated("the move of a participant who is an app")
