"""What the attendant needs of ACS."""

from typing import Protocol

from shared.calls.acs_types import PlaySource, RepeatabilityHeaders, ToneRecognition


class Acs(Protocol):
    """The methods of `CallAutomationApi` that are used here, with the same exceptions."""

    async def play(
        self,
        connection_id: str,
        source: PlaySource,
        to: str | None,
        *,
        loop: bool,
        context: str,
        interrupts: bool = False,
    ) -> None: ...

    async def collect(
        self,
        connection_id: str,
        raw_id: str,
        recognition: ToneRecognition,
        prompt: PlaySource | None,
        *,
        context: str,
        interrupts: bool = False,
    ) -> None: ...

    async def add_participant(
        self,
        connection_id: str,
        raw_id: str,
        *,
        caller_id: str | None,
        context: str,
        repeatability: RepeatabilityHeaders,
    ) -> None: ...

    async def hang_up(self, connection_id: str) -> object: ...

    async def leave(self, connection_id: str) -> None: ...
