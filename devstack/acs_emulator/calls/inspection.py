"""`/_emulator/farEnds`, `/calls` and `/incomingCalls`: the actions of the people at the far end."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from devstack.acs_emulator.calls.connections import Call
from devstack.acs_emulator.calls.far_ends import FarEnds, FarEndsSpec, Keys, Reaction
from devstack.acs_emulator.calls.incoming_calls import IncomingCalls
from devstack.acs_emulator.calls.participants import Participants
from devstack.acs_emulator.calls.speech import Speech
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.calls.teams_accounts import TeamsAccounts
from devstack.acs_emulator.wire.answers import AcsError
from devstack.acs_emulator.wire.identifiers import checked_raw_id
from devstack.emulation.specs import Spec, mistake, read_spec

type RawId = Annotated[str, AfterValidator(checked_raw_id)]


class ParticipantSpec(Spec):
    participant: RawId


class ReactionSpec(ParticipantSpec):
    answer: Reaction


class KeysSpec(ParticipantSpec):
    tones: Keys


class SpeechSpec(Speech):
    participant: RawId


class IncomingCallSpec(Spec):
    """The body of `POST /_emulator/incomingCalls`: somebody calls an identity or the number of the
    app.

    Args:
        presses: the keys that the caller presses, one text for each time that the app begins to
            collect tones from them; after that, the keys of their far end.
    """

    caller: RawId
    callee: RawId
    display_name: str = ""
    presses: list[Keys] = Field(default_factory=list)


class CallInspection:
    def __init__(
        self,
        *,
        switchboard: Switchboard,
        participants: Participants,
        far_ends: FarEnds,
        incoming: IncomingCalls,
        accounts: TeamsAccounts,
    ) -> None:
        self._switchboard = switchboard
        self._participants = participants
        self._far_ends = far_ends
        self._incoming = incoming
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/farEnds", self._show_far_ends, allow_head=False),
            web.put("/_emulator/farEnds", self._set_far_ends),
            web.post("/_emulator/calls/{id}/react", self._react),
            web.post("/_emulator/calls/{id}/press", self._press),
            web.post("/_emulator/calls/{id}/say", self._say),
            web.post("/_emulator/calls/{id}/hangUp", self._hang_up),
            web.post("/_emulator/calls/{id}/join", self._join),
            web.post("/_emulator/incomingCalls", self._ring),
        ]

    async def _show_far_ends(self, _request: web.Request) -> web.Response:
        return web.json_response(self._far_ends.spec.model_dump(by_alias=True))

    async def _set_far_ends(self, request: web.Request) -> web.Response:
        self._far_ends.spec = await read_spec(request, FarEndsSpec)
        return await self._show_far_ends(request)

    async def _react(self, request: web.Request) -> web.Response:
        """Somebody who is being called accepts the call, or does not."""
        spec = await read_spec(request, ReactionSpec)
        invitations = self._call_of(request).invitations()
        ringing = next((one for one in invitations if one.target == spec.participant), None)
        if ringing is None or ringing.reaction.done():
            raise mistake("participant", "is not being called")
        ringing.reaction.set_result(spec.answer)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _press(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, KeysSpec)
        call = self._call_of(request)
        if spec.participant not in call.participants:
            raise mistake("participant", "is not in the call")
        for tone in spec.tones:
            self._switchboard.press_key(call, spec.participant, tone)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _say(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, SpeechSpec)
        call = self._call_of(request)
        if spec.participant not in call.participants:
            raise mistake("participant", "is not in the call")
        self._switchboard.say(call, spec.participant, spec)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _hang_up(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, ParticipantSpec)
        call = self._call_of(request)
        if spec.participant not in call.people():
            raise mistake("participant", "is not in the call")
        self._participants.hang_up(call, spec.participant)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _join(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, ParticipantSpec)
        call = self._call_of(request)
        if call.group_id is None:
            raise mistake("", "the call is no group call")
        self._participants.join(call, spec.participant)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _ring(self, request: web.Request) -> web.Response:
        spec = await read_spec(request, IncomingCallSpec)
        call, event_id = self._incoming.ring(
            caller=spec.caller,
            callee=self._accounts.callee_of(spec.callee),
            display_name=spec.display_name,
            presses=spec.presses,
        )
        return web.json_response(
            {**call.event_data(), "eventId": event_id}, status=HTTPStatus.CREATED
        )

    def _call_of(self, request: web.Request) -> Call:
        try:
            return self._switchboard.connection(request.match_info["id"]).call
        except AcsError:
            raise web.HTTPNotFound from None
