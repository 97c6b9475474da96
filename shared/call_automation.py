"""Adapter to ACS Call Automation: Microsoft's SDK in, our types and problems out.

The SDK is imported when a call is first made: no other request should pay for it.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError

from shared.call_rows import Member
from shared.problems import (
    DEFAULT_RETRY_AFTER,
    OPERATOR_RETRY_AFTER,
    CallRefused,
    CommunicationRefused,
    CommunicationUnavailable,
    Throttled,
)
from shared.upstream import error_code, retry_after, with_retries

if TYPE_CHECKING:
    from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient

logger = logging.getLogger(__name__)


class CallGone(Exception):
    """ACS has no such call: no longer, or nobody has answered it yet."""


@dataclass(frozen=True)
class Repeatable:
    """By which ACS knows a repetition of a request: it has its effect once.

    Attributes:
        id: the Repeatability-Request-ID, a GUID.
        first_sent: when the request was first made.
    """

    id: str
    first_sent: datetime

    def options(self) -> dict[str, Any]:
        sent = format_datetime(self.first_sent.astimezone(UTC), usegmt=True)
        headers = {"Repeatability-Request-ID": self.id, "Repeatability-First-Sent": sent}
        return {"headers": headers}


@dataclass(frozen=True)
class Sound:
    """What is played: the audio file at a URL, or a text that is spoken by a voice."""

    url: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    voice: str | None = None


@dataclass(frozen=True)
class Listening:
    """How tones are collected.

    Attributes:
        stop_tones: `0` to `9`, `*`, `#`, `a` to `d`: each of them ends it.
        first_within, next_within: seconds until the first tone, and between two.
    """

    most: int
    stop_tones: str
    first_within: int
    next_within: int


@dataclass(frozen=True)
class Connection:
    """A call as ACS has made it.

    Attributes:
        server_call_id: where it is told already.
        own_id: as whom the service is in it, by raw id.
    """

    id: str
    server_call_id: str | None
    own_id: str | None


class CallAutomation:
    """Every method raises CommunicationUnavailable or Throttled where ACS did not do its part,
    CallRefused where it does not take the request, and CallGone where the call has ended.

    All of them may be repeated: what must not have its effect twice takes a Repeatable.
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
        repeatable: Repeatable,
    ) -> Connection:
        """Call people, bots and phone numbers, by ACS raw id."""
        return await self._connected(
            lambda: self._client.create_call(
                [_identifier(target) for target in targets],
                callback_url,
                source_caller_id_number=_phone(caller_id),
                cognitive_services_endpoint=speech_endpoint,
                **repeatable.options(),
            )
        )

    async def join(
        self,
        group_id: str,
        callback_url: str,
        *,
        speech_endpoint: str | None,
        repeatable: Repeatable,
    ) -> Connection:
        """Join a group call as the service."""
        return await self._connected(
            lambda: self._client.connect_call(
                callback_url,
                group_call_id=group_id,
                cognitive_services_endpoint=speech_endpoint,
                **repeatable.options(),
            )
        )

    async def add(
        self,
        connection_id: str,
        raw_id: str,
        *,
        caller_id: str | None,
        context: str,
        repeatable: Repeatable,
    ) -> None:
        """Invite somebody to a call."""
        await self._ask(
            lambda: self._connection(connection_id).add_participant(
                _identifier(raw_id),
                source_caller_id_number=_phone(caller_id),
                operation_context=context,
                **repeatable.options(),
            )
        )

    async def remove(
        self, connection_id: str, raw_id: str, *, context: str, repeatable: Repeatable
    ) -> None:
        """Remove somebody from a call."""
        await self._ask(
            lambda: self._connection(connection_id).remove_participant(
                _identifier(raw_id), operation_context=context, **repeatable.options()
            )
        )

    async def play(
        self, connection_id: str, sound: Sound, to: str | None, *, loop: bool, context: str
    ) -> None:
        """Play to somebody, or to all."""
        await self._ask(
            lambda: self._connection(connection_id).play_media(
                _source(sound),
                [_identifier(to)] if to else "all",
                loop=loop,
                operation_context=context,
            )
        )

    async def collect(
        self,
        connection_id: str,
        raw_id: str,
        listening: Listening,
        prompt: Sound | None,
        *,
        context: str,
    ) -> None:
        """Hear the tones that somebody presses."""
        from azure.communication.callautomation import RecognizeInputType

        await self._ask(
            lambda: self._connection(connection_id).start_recognizing_media(
                RecognizeInputType.DTMF,
                _identifier(raw_id),
                initial_silence_timeout=listening.first_within,
                play_prompt=_source(prompt) if prompt else None,
                interrupt_prompt=True,
                dtmf_inter_tone_timeout=listening.next_within,
                dtmf_max_tones_to_collect=listening.most,
                dtmf_stop_tones=[_TONE_NAMES[tone] for tone in listening.stop_tones],
                operation_context=context,
            )
        )

    async def hang_up(self, connection_id: str) -> None:
        """End a call for everyone; fine where it has ended, so a second effect is fine too."""
        try:
            await self._ask(lambda: self._connection(connection_id).hang_up(is_for_everyone=True))
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

    async def _connected(self, call: Callable[[], Awaitable[Any]]) -> Connection:
        properties = await self._ask(call)
        source = properties.source
        return Connection(
            properties.call_connection_id,
            properties.server_call_id,
            None if source is None else source.raw_id,
        )

    async def _ask[T](self, call: Callable[[], Awaitable[T]]) -> T:
        async with _problems_told():
            return await with_retries(call)


@asynccontextmanager
async def _problems_told() -> AsyncIterator[None]:
    """Turn what the SDK raises into what it means. The SDK's texts stay out of problems and logs:
    they may hold a phone number."""
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


def _identifier(raw_id: str) -> Any:
    from azure.communication.callautomation import (
        CommunicationUserIdentifier,
        PhoneNumberIdentifier,
    )

    number = Member(raw_id).phone_number
    return PhoneNumberIdentifier(number) if number else CommunicationUserIdentifier(raw_id)


def _phone(number: str | None) -> Any:
    from azure.communication.callautomation import PhoneNumberIdentifier

    return PhoneNumberIdentifier(number) if number else None


def _source(sound: Sound) -> Any:
    from azure.communication.callautomation import FileSource, TextSource

    if sound.url is not None:
        return FileSource(url=sound.url)
    return TextSource(text=sound.text or "", voice_name=sound.voice)


_TONE_NAMES = {
    **dict(
        zip(
            "0123456789",
            ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            strict=True,
        )
    ),
    **{letter: letter for letter in "abcd"},
    "#": "pound",
    "*": "asterisk",
}
