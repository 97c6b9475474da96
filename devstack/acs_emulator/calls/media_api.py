"""The operations of Call Automation on media and tones."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from devstack.acs_emulator.calls.answers import (
    invalid_field,
    participant_not_found,
    speech_without_endpoint,
)
from devstack.acs_emulator.calls.api import CONNECTION
from devstack.acs_emulator.calls.bodies import (
    ContinuousDtmf,
    Hold,
    Play,
    PlaySource,
    Recognize,
    SendDtmf,
    Unhold,
    read_body,
)
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.events import CallEvents
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.repeatability import Repeatability
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.answers import json_answer
from devstack.acs_emulator.wire.gate import Gate


class MediaApi:
    """The operations, for requests that the gate has admitted."""

    def __init__(
        self,
        *,
        switchboard: Switchboard,
        participants: Participants,
        events: CallEvents,
        repeatability: Repeatability,
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._events = events
        self._once = repeatability.once

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        guard = gate.guard
        return [
            web.post(f"{CONNECTION}:play", guard("play", self.play)),
            web.post(f"{CONNECTION}:recognize", guard("recognize", self.recognize)),
            web.post(
                f"{CONNECTION}:cancelAllMediaOperations", guard("cancelMedia", self.cancel_all)
            ),
            web.post(
                f"{CONNECTION}:startContinuousDtmfRecognition",
                guard("startContinuousDtmf", self.start_continuous),
            ),
            web.post(
                f"{CONNECTION}:stopContinuousDtmfRecognition",
                guard("stopContinuousDtmf", self.stop_continuous),
            ),
            web.post(f"{CONNECTION}:sendDtmfTones", guard("sendDtmf", self.send_tones)),
            web.post(f"{CONNECTION}:hold", guard("hold", self.hold)),
            web.post(f"{CONNECTION}:unhold", guard("unhold", self.unhold)),
        ]

    async def play(self, request: web.Request) -> web.Response:
        """POST ...:play; without `playTo` it plays to everybody"""
        body = await read_body(request, Play)
        connection = self._established(request)
        _check_sources(connection, body.play_sources)
        for raw_id in body.play_to:
            _check_is_participant(connection, raw_id)
        self._switchboard.player(connection).play(body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def recognize(self, request: web.Request) -> web.Response:
        """POST ...:recognize"""
        body = await read_body(request, Recognize)
        connection = self._established(request)
        if body.hears_speech and connection.speech_endpoint is None:
            raise speech_without_endpoint("recognizeInputType")
        if body.recognize_input_type == "choices" and not body.recognize_options.choices:
            raise invalid_field("recognizeOptions", "There is no choice.")
        _check_sources(connection, body.prompts)
        _check_is_participant(connection, body.recognize_options.target_participant)
        self._switchboard.player(connection).recognize(body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def cancel_all(self, request: web.Request) -> web.Response:
        """POST ...:cancelAllMediaOperations"""
        self._switchboard.player(self._established(request)).cancel_all()
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def start_continuous(self, request: web.Request) -> web.Response:
        """POST ...:startContinuousDtmfRecognition"""
        body = await read_body(request, ContinuousDtmf)
        connection = self._established(request)
        _check_is_participant(connection, body.target_participant)
        self._switchboard.player(connection).start_continuous_dtmf(body)
        return web.Response(status=HTTPStatus.OK)

    async def stop_continuous(self, request: web.Request) -> web.Response:
        """POST ...:stopContinuousDtmfRecognition"""
        body = await read_body(request, ContinuousDtmf)
        connection = self._established(request)
        if not self._switchboard.player(connection).stop_continuous_dtmf(body):
            raise invalid_field("targetParticipant", "Nothing was started for it.")  # [assumed]
        return web.Response(status=HTTPStatus.OK)

    async def send_tones(self, request: web.Request) -> web.Response:
        """POST ...:sendDtmfTones"""
        body = await read_body(request, SendDtmf)

        def effect() -> web.Response:
            connection = self._established(request)
            _check_is_participant(connection, body.target_participant)
            self._events.send_for_operation(connection, body, "SendDtmfTonesCompleted")
            context = body.operation_context
            return json_answer(
                HTTPStatus.ACCEPTED, {} if context is None else {"operationContext": context}
            )

        return await self._once(request, effect)

    async def hold(self, request: web.Request) -> web.Response:
        """POST ...:hold"""
        body = await read_body(request, Hold)
        connection = self._established(request)
        _check_sources(connection, [body.play_source_info] if body.play_source_info else [])
        _check_is_participant(connection, body.target_participant)
        self._participants.hold(connection, body)
        return web.Response(status=HTTPStatus.OK)

    async def unhold(self, request: web.Request) -> web.Response:
        """POST ...:unhold"""
        body = await read_body(request, Unhold)
        connection = self._established(request)
        _check_is_participant(connection, body.target_participant)
        self._participants.unhold(connection, body)
        return web.Response(status=HTTPStatus.OK)

    def _established(self, request: web.Request) -> CallConnection:
        return self._switchboard.established(request.match_info["id"])


def _check_sources(connection: CallConnection, sources: Sequence[PlaySource]) -> None:
    for source in sources:
        if not source.is_whole:
            raise invalid_field("playSources", f"A source of kind {source.kind} has no such part.")
        if source.is_spoken and connection.speech_endpoint is None:
            raise speech_without_endpoint()


def _check_is_participant(connection: CallConnection, raw_id: str) -> None:
    if raw_id not in connection.call.participants:
        raise participant_not_found()
