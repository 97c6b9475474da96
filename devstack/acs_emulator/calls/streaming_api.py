"""The operations of Call Automation on streams: media streaming, and transcription.

As recorded, the SDKs do not repeat them, so they have no repeatability id.
"""

from http import HTTPStatus

from aiohttp import web

from devstack.acs_emulator.calls.api import CONNECTION
from devstack.acs_emulator.calls.bodies import read_body
from devstack.acs_emulator.calls.connections import CallConnection
from devstack.acs_emulator.calls.streaming_bodies import (
    StartMediaStreaming,
    StartTranscription,
    StopMediaStreaming,
    StopTranscription,
    UpdateTranscription,
)
from devstack.acs_emulator.calls.switchboard import Switchboard
from devstack.acs_emulator.wire.gate import Gate


class StreamingApi:
    """The operations, for requests that the gate has admitted. All are answered 202."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._streams = switchboard.streams

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        operations = {
            "startMediaStreaming": self.start_media,
            "stopMediaStreaming": self.stop_media,
            "startTranscription": self.start_transcription,
            "stopTranscription": self.stop_transcription,
            "updateTranscription": self.update_transcription,
        }
        return [
            web.post(f"{CONNECTION}:{name}", gate.guard(name, operation))
            for name, operation in operations.items()
        ]

    async def start_media(self, request: web.Request) -> web.Response:
        """POST ...:startMediaStreaming"""
        body = await read_body(request, StartMediaStreaming)
        self._streams.start_media(self._established(request), body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def stop_media(self, request: web.Request) -> web.Response:
        """POST ...:stopMediaStreaming"""
        body = await read_body(request, StopMediaStreaming)
        self._streams.stop_media(self._established(request), body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def start_transcription(self, request: web.Request) -> web.Response:
        """POST ...:startTranscription"""
        body = await read_body(request, StartTranscription)
        self._streams.start_transcription(self._established(request), body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def stop_transcription(self, request: web.Request) -> web.Response:
        """POST ...:stopTranscription"""
        body = await read_body(request, StopTranscription)
        self._streams.stop_transcription(self._established(request), body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    async def update_transcription(self, request: web.Request) -> web.Response:
        """POST ...:updateTranscription"""
        body = await read_body(request, UpdateTranscription)
        self._streams.update_transcription(self._established(request), body)
        return web.Response(status=HTTPStatus.ACCEPTED)

    def _established(self, request: web.Request) -> CallConnection:
        return self._switchboard.established(request.match_info["id"])
