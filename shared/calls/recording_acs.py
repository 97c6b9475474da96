"""Adapter to ACS's call recording: Microsoft's SDK in, our types and problems out."""

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from shared.calls.acs import CallGone
from shared.calls.acs_types import RepeatabilityHeaders
from shared.problems import CallRefused

if TYPE_CHECKING:
    from azure.communication.callautomation.aio import CallAutomationClient

logger = logging.getLogger(__name__)


class Acs(Protocol):
    """The method of `CallAutomationApi` that is used here, with the same exceptions."""

    async def ask[T](self, request: "Callable[[CallAutomationClient], Awaitable[T]]") -> T: ...


class CallRecordingApi:
    """The requests about recordings. All of them may be repeated.

    Raises:
        CommunicationUnavailable, Throttled: ACS failed, or limits us.
        CallRefused: ACS does not accept the request.
        NotInAcs: there is no such call or recording, or it has ended.
    """

    def __init__(self, acs: Acs, storage_url: str = "") -> None:
        """
        Args:
            storage_url: where files are, instead of at Microsoft's hosts; or empty.
        """
        self._acs = acs
        self._storage_url = storage_url

    async def start(
        self, server_call_id: str, callback_url: str, *, repeatability: RepeatabilityHeaders
    ) -> str:
        """Start to record what is heard in a call, in one file.

        Returns:
            ACS's recordingId. It does not record yet: an event tells when it does.
        """

        async def start(client: "CallAutomationClient") -> str:
            from azure.communication.callautomation import (
                RecordingChannel,
                RecordingContent,
                RecordingFormat,
            )

            started = await client.start_recording(
                server_call_id=server_call_id,
                recording_state_callback_url=callback_url,
                recording_content_type=RecordingContent.AUDIO,
                recording_channel_type=RecordingChannel.MIXED,
                recording_format_type=RecordingFormat.MP3,
                **repeatability.options(),
            )
            return str(started.recording_id)

        return await self._acs.ask(start)

    async def pause(self, acs_id: str) -> None:
        await self._acs.ask(lambda client: client.pause_recording(acs_id))

    async def resume(self, acs_id: str) -> None:
        await self._acs.ask(lambda client: client.resume_recording(acs_id))

    async def stop(self, acs_id: str) -> None:
        """Stop a recording. If it has ended, this does nothing."""
        with contextlib.suppress(CallGone):
            await self._acs.ask(lambda client: client.stop_recording(acs_id))

    async def delete_file(self, url: str) -> None:
        """Delete a file. If it is gone, this does nothing: ACS keeps it for a day only."""
        try:
            await self._acs.ask(
                lambda client: client.delete_recording(url, raw_request_hook=self._lead)
            )
        except CallGone:
            return
        except CallRefused as refused:
            logger.warning("ACS does not delete a recording: %s", refused.detail)

    def _lead(self, request: Any) -> None:
        """Send a signed request to the storage of the settings instead. The SDK takes only hosts of
        Microsoft's, and signs the name of the resource."""
        if self._storage_url:
            path = urlsplit(request.http_request.url).path
            request.http_request.url = self._storage_url + path
