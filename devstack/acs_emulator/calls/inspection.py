"""The far ends of calls and the delivery of callbacks, at `/_emulator`."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, ValidationError

from devstack.acs_emulator.callbacks.delivery import Callbacks
from devstack.acs_emulator.callbacks.modes import CallbackMode, Release
from devstack.acs_emulator.calls.connections import Conversation
from devstack.acs_emulator.calls.far_ends import FarEnds, FarEndsSpec, Keys, Reaction
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.answers import AcsError
from devstack.acs_emulator.wire.identifiers import checked_raw_id
from devstack.emulation.faults import bad_request
from devstack.emulation.inspection import json_of
from devstack.emulation.specs import LONGEST_MS, Spec

type RawId = Annotated[str, AfterValidator(checked_raw_id)]


class SomebodySpec(Spec):
    participant: RawId


class ReactionSpec(SomebodySpec):
    answer: Reaction


class KeysSpec(SomebodySpec):
    tones: Keys


class CallInspection:
    def __init__(
        self,
        *,
        switchboard: Switchboard,
        participants: Participants,
        far_ends: FarEnds,
        callbacks: Callbacks,
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._far_ends = far_ends
        self._callbacks = callbacks

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/farEnds", self._show_far_ends, allow_head=False),
            web.put("/_emulator/farEnds", self._set_far_ends),
            web.get("/_emulator/callbacks", self._show_callbacks, allow_head=False),
            web.put("/_emulator/callbacks", self._set_callbacks),
            web.post("/_emulator/callbacks/release", self._release),
            web.get("/_emulator/callbacks/wait", self._wait, allow_head=False),
            web.post("/_emulator/calls/{id}/react", self._react),
            web.post("/_emulator/calls/{id}/press", self._press),
            web.post("/_emulator/calls/{id}/hangUp", self._hang_up),
            web.post("/_emulator/calls/{id}/join", self._join),
        ]

    async def _show_far_ends(self, _request: web.Request) -> web.Response:
        return web.json_response(self._far_ends.spec.model_dump(by_alias=True))

    async def _set_far_ends(self, request: web.Request) -> web.Response:
        try:
            self._far_ends.spec = FarEndsSpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        return await self._show_far_ends(request)

    async def _show_callbacks(self, _request: web.Request) -> web.Response:
        held = [
            {"id": each.id, "type": each.type, "callConnectionId": each.connection}
            for each in self._callbacks.held
        ]
        return web.json_response({**self._callbacks.mode.model_dump(by_alias=True), "held": held})

    async def _set_callbacks(self, request: web.Request) -> web.Response:
        try:
            self._callbacks.mode = CallbackMode.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        return await self._show_callbacks(request)

    async def _release(self, request: web.Request) -> web.Response:
        try:
            wanted = Release.model_validate(await json_of(request) or {})
        except ValidationError as error:
            return refused(error)
        return web.json_response({"released": await self._callbacks.release(wanted)})

    async def _wait(self, request: web.Request) -> web.Response:
        try:
            number = int(request.query.get("held", "1"))
            timeout_ms = int(request.query.get("timeoutMs", "5000"))
        except ValueError:
            return bad_request([{"field": "", "message": "held and timeoutMs are integers"}])
        status = HTTPStatus.OK
        try:
            async with asyncio.timeout(min(timeout_ms, LONGEST_MS) / 1000):
                await self._callbacks.until_held(number)
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
        return web.json_response({"held": len(self._callbacks.held)}, status=status)

    async def _react(self, request: web.Request) -> web.Response:
        """Whoever is being called answers, or not."""
        try:
            wanted = ReactionSpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        invitations = self._conversation_of(request).invitations()
        ringing = next((each for each in invitations if each.target == wanted.participant), None)
        if ringing is None or ringing.decided.done():
            return _nobody("is not being called")
        ringing.decided.set_result(wanted.answer)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _press(self, request: web.Request) -> web.Response:
        try:
            wanted = KeysSpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        conversation = self._conversation_of(request)
        if wanted.participant not in conversation.participants:
            return _nobody("is not in the call")
        for tone in wanted.tones:
            self._switchboard.press(conversation, wanted.participant, tone)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _hang_up(self, request: web.Request) -> web.Response:
        try:
            wanted = SomebodySpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        conversation = self._conversation_of(request)
        if wanted.participant not in conversation.people():
            return _nobody("is not in the call")
        self._participants.hang_up(conversation, wanted.participant)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _join(self, request: web.Request) -> web.Response:
        try:
            wanted = SomebodySpec.model_validate(await json_of(request))
        except ValidationError as error:
            return refused(error)
        conversation = self._conversation_of(request)
        if conversation.group is None:
            return bad_request([{"field": "", "message": "the call is no group call"}])
        self._participants.join(conversation, wanted.participant)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _conversation_of(self, request: web.Request) -> Conversation:
        try:
            return self._switchboard.connection(request.match_info["id"]).conversation
        except AcsError:
            raise web.HTTPNotFound from None


def _nobody(why: str) -> web.Response:
    return bad_request([{"field": "participant", "message": why}])


def refused(error: ValidationError) -> web.Response:
    """All that is wrong with a body, at once."""
    return bad_request(
        [
            {"field": ".".join(str(step) for step in fault["loc"]), "message": fault["msg"]}
            for fault in error.errors(include_url=False)
        ]
    )
