"""Adapter to ACS Call Automation: Microsoft's SDK in, our types and problems out.

The SDK is imported when a call is first made: no other request should pay for it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.calls import reasons
from shared.calls.acs_types import (
    NO_IDS,
    TONE_NAMES,
    EstablishedCall,
    PlaySource,
    RepeatabilityHeaders,
    ToneRecognition,
    account_of,
    identifier_of,
    phone_of,
    source_of,
)
from shared.problems import CallRefused
from shared.upstream.clients import Upstream
from shared.upstream.errors import is_rejected, problem_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.sdk import by_sdk
from shared.upstream.services import ACS
from shared.upstream.settings import UpstreamSettings

if TYPE_CHECKING:
    from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient


# Documented codes, with status 400, for an action in a call that is not connected yet or has ended:
# not established, terminated, not valid in this state.
_NOT_ESTABLISHED = frozenset({"8501", "8528", "8585"})


class CallGone(Exception):
    """ACS cannot do this in the call: the call has ended or is not connected yet, or the
    participant is not in it."""


class NotInAcs(CallGone):
    """ACS does not know what was named. It means that a call has ended only if the call itself was
    named."""


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
    """The requests to Call Automation.

    All of them may be repeated: those that must not have their effect twice take
    RepeatabilityHeaders.

    Raises:
        CommunicationUnavailable, Throttled: ACS failed, or limits us.
        CallRefused: ACS does not accept the request.
        CallGone: the call has ended, or is not connected yet.
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
        account: str | None = None,
    ) -> EstablishedCall:
        """Call users, bots and phone numbers, by raw id.

        Args:
            account: object id of the Teams resource account that calls phone numbers. They show its
                number: ACS refuses a caller id beside it (code 8523).
        """
        return await self._establish(
            lambda: self._client.create_call(
                [identifier_of(target) for target in targets],
                callback_url,
                source_caller_id_number=phone_of(caller_id),
                cognitive_services_endpoint=speech_endpoint,
                teams_app_source=account_of(account),
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
        return await self._establish(
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
        """Answer a ringing call.

        Args:
            incoming_context: from Event Grid's event about the call. Everybody who has it can
                answer the call, so it is a secret while the call rings.

        Raises:
            CallGone: it does not ring any more.
        """
        answered = await self._send(
            lambda: self._client.answer_call(
                incoming_context,
                callback_url,
                cognitive_services_endpoint=speech_endpoint,
                **repeatability.options(),
            )
        )
        return _established_call(answered, answered.answered_by)

    async def reject(self, incoming_context: str, *, repeatability: RepeatabilityHeaders) -> None:
        """Reject a ringing call: its caller hears that the line is busy."""
        from azure.communication.callautomation import CallRejectReason

        await self._send(
            lambda: self._client.reject_call(
                incoming_context,
                call_reject_reason=CallRejectReason.BUSY,
                **repeatability.options(),
            )
        )

    async def add_participant(
        self,
        connection_id: str,
        raw_id: str,
        *,
        caller_id: str | None,
        context: str,
        repeatability: RepeatabilityHeaders,
    ) -> None:
        """Invite somebody to a call."""
        await self._send(
            lambda: self._connection_client(connection_id).add_participant(
                identifier_of(raw_id),
                source_caller_id_number=phone_of(caller_id),
                operation_context=context,
                **repeatability.options(),
            )
        )

    async def remove_participant(
        self, connection_id: str, raw_id: str, *, context: str, repeatability: RepeatabilityHeaders
    ) -> None:
        """Remove somebody from a call."""
        await self._send(
            lambda: self._connection_client(connection_id).remove_participant(
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
        """Play to one participant, or to all.

        Args:
            to: raw id of the participant; None for all.
            interrupts: whether this ends what is played to all, or recognized, just now. Else it
                waits until that has ended.
        """
        await self._send(
            lambda: self._connection_client(connection_id).play_media(
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
        """Recognize the tones that a participant presses.

        Args:
            prompt: played first; the first tone ends it.
            interrupts: as for `play`.
        """
        from azure.communication.callautomation import RecognizeInputType

        await self._send(
            lambda: self._connection_client(connection_id).start_recognizing_media(
                RecognizeInputType.DTMF,
                identifier_of(raw_id),
                initial_silence_timeout=recognition.initial_silence_timeout,
                play_prompt=source_of(prompt) if prompt else None,
                interrupt_prompt=True,
                interrupt_call_media_operation=interrupts,
                dtmf_inter_tone_timeout=recognition.inter_tone_timeout,
                dtmf_max_tones_to_collect=recognition.max_tones,
                dtmf_stop_tones=[TONE_NAMES[tone] for tone in recognition.stop_tones],
                operation_context=context,
            )
        )

    async def hang_up(self, connection_id: str) -> bool:
        """End a call for everyone. If it has ended already, this does nothing: it may be repeated
        without RepeatabilityHeaders.

        Returns:
            Whether ACS had the call.
        """
        try:
            await self._send(
                lambda: self._connection_client(connection_id).hang_up(is_for_everyone=True)
            )
        except CallGone:
            return False
        return True

    async def leave(self, connection_id: str) -> None:
        """Leave a call, which goes on for the others. If it has ended, this does nothing."""
        try:
            await self._send(
                lambda: self._connection_client(connection_id).hang_up(is_for_everyone=False)
            )
        except CallGone:
            return

    async def callback_url_of(self, connection_id: str) -> str | None:
        """Where ACS sends the events of a call; None if there is no such call."""
        try:
            properties = await self._send(
                lambda: self._connection_client(connection_id).get_call_properties()
            )
        except CallGone:
            return None
        return str(properties.callback_url)

    async def find(self, connection_id: str) -> EstablishedCall | None:
        """The call as ACS has it, or None. If the app answered it, `own_id` is the caller's id."""
        try:
            return await self._establish(
                lambda: self._connection_client(connection_id).get_call_properties()
            )
        except NotInAcs:
            return None
        except CallGone:
            return EstablishedCall(connection_id, None, None)

    async def ask[T](self, request: "Callable[[CallAutomationClient], Awaitable[T]]") -> T:
        """Send any other request, with the same retries and errors."""
        return await self._send(lambda: request(self._client))

    @cached_property
    def _client(self) -> "CallAutomationClient":
        return self._build()

    def _connection_client(self, connection_id: str) -> "CallConnectionClient":
        """
        Args:
            connection_id: perhaps as an event names it, so perhaps none that a URL can hold.
        """
        if connection_id in NO_IDS:
            raise NotInAcs
        return self._client.get_call_connection(connection_id)

    async def _establish(self, request: Callable[[], Awaitable[Any]]) -> EstablishedCall:
        properties = await self._send(request)
        return _established_call(properties, properties.source)

    async def _send[T](self, request: Callable[[], Awaitable[T]]) -> T:
        async with _errors_as_problems():
            return await with_retries(lambda: by_sdk(request))


@asynccontextmanager
async def _errors_as_problems() -> AsyncIterator[None]:
    try:
        yield
    except ErrorAnswer as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise NotInAcs from error
        if error.status == HTTPStatus.PRECONDITION_FAILED:
            raise CallGone from error
        if error.status == HTTPStatus.BAD_REQUEST and error.code in _NOT_ESTABLISHED:
            raise CallGone from error
        if is_rejected(error):
            problem_of(error, ACS)  # for its line in the log
            raise CallRefused(reasons.refusal(error.shown_code)) from error
        raise problem_of(error, ACS) from error
    except RequestFailed as error:
        raise problem_of(error, ACS) from error


def _established_call(properties: Any, own_identifier: Any) -> EstablishedCall:
    own_id = None if own_identifier is None else own_identifier.raw_id
    is_connected = properties.call_connection_state == "connected"
    server_call_id = properties.server_call_id
    return EstablishedCall(properties.call_connection_id, server_call_id, own_id, is_connected)
