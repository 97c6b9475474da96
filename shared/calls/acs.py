"""Adapter to ACS Call Automation: Microsoft's SDK in, our types and problems out.

The SDK is imported when a call is first made: no other request should pay for it.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError

from shared.calls.acs_types import (
    TONE_NAMES,
    EstablishedCall,
    PlaySource,
    RepeatabilityHeaders,
    ToneRecognition,
    identifier_of,
    phone_of,
    source_of,
)
from shared.problems import (
    DEFAULT_RETRY_AFTER,
    OPERATOR_RETRY_AFTER,
    CallRefused,
    CommunicationRefused,
    CommunicationUnavailable,
    Throttled,
)
from shared.upstream.clients import Upstream
from shared.upstream.retries import error_code, retry_after, with_retries
from shared.upstream.settings import UpstreamSettings

if TYPE_CHECKING:
    from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient

logger = logging.getLogger(__name__)


class CallGone(Exception):
    """ACS has no such call: no longer, or nobody has answered it yet."""


# That in words.
GONE = "The call had ended, or was not connected yet, or who was meant was not in it."


def call_automation_client(
    settings: UpstreamSettings, upstream: Upstream
) -> "CallAutomationClient":
    """Microsoft's client for the ACS resource of the settings."""
    from azure.communication.callautomation.aio import CallAutomationClient

    return CallAutomationClient(
        settings.communication_endpoint,
        upstream.communication_credential(settings.communication_key),
        **upstream.client_options(),
    )


class CallAutomationApi:
    """Every method raises CommunicationUnavailable or Throttled where ACS did not do its part,
    CallRefused where it does not take the request, and CallGone where the call has ended.

    All of them may be repeated: what must not have its effect twice takes RepeatabilityHeaders.
    """

    def __init__(self, build: Callable[[], "CallAutomationClient"]) -> None:
        self._build = build

    async def create(
        self,
        targets: Sequence[str],
        callback_url: str,
        *,
        caller_id: str | None,
        speech_endpoint: str | None,
        repeatability: RepeatabilityHeaders,
    ) -> EstablishedCall:
        """Call people, bots and phone numbers, by ACS raw id."""
        return await self._connected(
            lambda: self._client.create_call(
                [identifier_of(target) for target in targets],
                callback_url,
                source_caller_id_number=phone_of(caller_id),
                cognitive_services_endpoint=speech_endpoint,
                **repeatability.options(),
            )
        )

    async def join(
        self,
        group_id: str,
        callback_url: str,
        *,
        speech_endpoint: str | None,
        repeatability: RepeatabilityHeaders,
    ) -> EstablishedCall:
        """Join a group call as the service."""
        return await self._connected(
            lambda: self._client.connect_call(
                callback_url,
                group_call_id=group_id,
                cognitive_services_endpoint=speech_endpoint,
                **repeatability.options(),
            )
        )

    async def answer(
        self,
        incoming_context: str,
        callback_url: str,
        *,
        speech_endpoint: str | None,
        repeatability: RepeatabilityHeaders,
    ) -> EstablishedCall:
        """Answer a call that rings; where it rings no more it is gone.

        Args:
            incoming_context: what Event Grid has told of it: a secret as long as it rings.
        """
        answered = await self._ask(
            lambda: self._client.answer_call(
                incoming_context,
                callback_url,
                cognitive_services_endpoint=speech_endpoint,
                **repeatability.options(),
            )
        )
        return _connection(answered, answered.answered_by)

    async def turn_away(
        self, incoming_context: str, *, repeatability: RepeatabilityHeaders
    ) -> None:
        """Let a call that rings find the line busy."""
        from azure.communication.callautomation import CallRejectReason

        await self._ask(
            lambda: self._client.reject_call(
                incoming_context,
                call_reject_reason=CallRejectReason.BUSY,
                **repeatability.options(),
            )
        )

    async def add(
        self,
        connection_id: str,
        raw_id: str,
        *,
        caller_id: str | None,
        context: str,
        repeatability: RepeatabilityHeaders,
    ) -> None:
        """Invite somebody to a call."""
        await self._ask(
            lambda: self._connection(connection_id).add_participant(
                identifier_of(raw_id),
                source_caller_id_number=phone_of(caller_id),
                operation_context=context,
                **repeatability.options(),
            )
        )

    async def remove(
        self, connection_id: str, raw_id: str, *, context: str, repeatability: RepeatabilityHeaders
    ) -> None:
        """Remove somebody from a call."""
        await self._ask(
            lambda: self._connection(connection_id).remove_participant(
                identifier_of(raw_id), operation_context=context, **repeatability.options()
            )
        )

    async def play(
        self,
        connection_id: str,
        source: PlaySource,
        to: str | None,
        *,
        loop: bool,
        context: str,
        interrupts: bool = False,
    ) -> None:
        """Play to somebody, or to all.

        Args:
            interrupts: whatever is played to all, or listened for; else it waits for its end.
        """
        await self._ask(
            lambda: self._connection(connection_id).play_media(
                source_of(source),
                [identifier_of(to)] if to else "all",
                loop=loop,
                operation_context=context,
                interrupt_call_media_operation=interrupts,
            )
        )

    async def collect(
        self,
        connection_id: str,
        raw_id: str,
        recognition: ToneRecognition,
        prompt: PlaySource | None,
        *,
        context: str,
        interrupts: bool = False,
    ) -> None:
        """Hear the tones that somebody presses; `interrupts` as for `play`."""
        from azure.communication.callautomation import RecognizeInputType

        await self._ask(
            lambda: self._connection(connection_id).start_recognizing_media(
                RecognizeInputType.DTMF,
                identifier_of(raw_id),
                initial_silence_timeout=recognition.first_within,
                play_prompt=source_of(prompt) if prompt else None,
                interrupt_prompt=True,
                interrupt_call_media_operation=interrupts,
                dtmf_inter_tone_timeout=recognition.next_within,
                dtmf_max_tones_to_collect=recognition.most,
                dtmf_stop_tones=[TONE_NAMES[tone] for tone in recognition.stop_tones],
                operation_context=context,
            )
        )

    async def hang_up(self, connection_id: str) -> None:
        """End a call for everyone; fine where it has ended, so a second effect is fine too."""
        try:
            await self._ask(lambda: self._connection(connection_id).hang_up(is_for_everyone=True))
        except CallGone:
            return

    async def leave(self, connection_id: str) -> None:
        """Leave a call, which goes on for others; fine where it has ended."""
        try:
            await self._ask(lambda: self._connection(connection_id).hang_up(is_for_everyone=False))
        except CallGone:
            return

    async def callback_of(self, connection_id: str) -> str | None:
        """Where ACS tells about a call; None where there is no such call."""
        try:
            found = await self._ask(lambda: self._connection(connection_id).get_call_properties())
        except CallGone:
            return None
        return str(found.callback_url)

    async def lives(self, connection_id: str) -> bool:
        """Does ACS still have the call?"""
        try:
            await self._ask(lambda: self._connection(connection_id).get_call_properties())
        except CallGone:
            return False
        return True

    @cached_property
    def _client(self) -> "CallAutomationClient":
        return self._build()

    def _connection(self, connection_id: str) -> "CallConnectionClient":
        return self._client.get_call_connection(connection_id)

    async def _connected(self, call: Callable[[], Awaitable[Any]]) -> EstablishedCall:
        made = await self._ask(call)
        return _connection(made, made.source)

    async def _ask[T](self, call: Callable[[], Awaitable[T]]) -> T:
        async with _errors_as_problems():
            return await with_retries(call)


@asynccontextmanager
async def _errors_as_problems() -> AsyncIterator[None]:
    """Turn what the SDK raises into what it means. The SDK's texts stay out of problems and logs,
    because they may hold a phone number."""
    try:
        yield
    except HttpResponseError as error:
        status, code = error.status_code, error_code(error)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED):
            raise CallGone from error
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            logger.warning("ACS throttles us")
            raise Throttled(retry_after=retry_after(error) or DEFAULT_RETRY_AFTER) from error
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            logger.error(
                "ACS refused our credential for calls (%s): check COMMUNICATION_CONNECTION_STRING,"
                " or the managed identity's role 'Communication and Email Service Owner'",
                code,
            )
            raise CommunicationRefused(retry_after=OPERATOR_RETRY_AFTER) from error
        logger.warning("ACS answered %s (%s) about a call", status, code)
        if status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CallRefused(f"ACS does not take this ({code}).") from error
        raise CommunicationUnavailable(retry_after=retry_after(error)) from error
    except AzureError as error:
        logger.warning("ACS cannot be reached: %s", type(error).__name__)
        raise CommunicationUnavailable from error


def _connection(properties: Any, own: Any) -> EstablishedCall:
    raw_id = None if own is None else own.raw_id
    return EstablishedCall(properties.call_connection_id, properties.server_call_id, raw_id)
