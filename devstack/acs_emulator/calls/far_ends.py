"""The far end: how the people who are called react, and which keys they press.

Tests and people decide it through inspection.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from devstack.acs_emulator.calls.bodies import TONES, PlaySource
from devstack.acs_emulator.calls.clients import Clients, NoClients
from devstack.acs_emulator.calls.connections import Call, Invitation, Participant
from devstack.acs_emulator.calls.files import AudioFiles
from devstack.acs_emulator.calls.results import (
    BAD_FORMAT,
    BUSY,
    DECLINED,
    MEDIA_ERROR,
    NO_ANSWER,
    NOT_DOWNLOADABLE,
    UNREACHABLE,
    ResultInformation,
)
from devstack.acs_emulator.calls.speech import Said, Speech
from devstack.acs_emulator.calls.teams_accounts import TeamsAccounts
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.wire.identifiers import ACS_USER, checked_raw_id
from devstack.emulation.specs import MAX_MS, Milliseconds, Spec

# [assumed] For phones the documentation says "usually two minutes"; the example in the SDKs is one
# minute.
DEFAULT_INVITATION_SECONDS = 60

Reaction = Literal["accept", "busy", "decline", "none", "unreachable"]
FAILURES: dict[str, ResultInformation] = {
    "busy": BUSY,
    "decline": DECLINED,
    "none": NO_ANSWER,
    "unreachable": UNREACHABLE,
}
SOURCE_ERRORS = {
    "badFormat": BAD_FORMAT,
    "notDownloadable": NOT_DOWNLOADABLE,
    "error": MEDIA_ERROR,
}


def read_tones(keys: object) -> object:
    """The names of the tones in a text such as `1 2 #`; a list of such names stays as it is."""
    if isinstance(keys, list) and all(name in TONES.values() for name in keys):
        return keys
    if not isinstance(keys, str):
        raise ValueError("tones are keys in a string, such as '1 2 #'")
    pressed = keys.replace(" ", "").upper()
    if unknown := [key for key in pressed if key not in TONES]:
        raise ValueError(f"{unknown[0]!r} is no key of a telephone")
    return [TONES[key] for key in pressed]


def _raw_id(key: str) -> str:
    return checked_raw_id(f"4:{key}" if key.startswith("+") else key)


type Keys = Annotated[list[str], BeforeValidator(read_tones)]


class FarEndSpec(Spec):
    """How a person who is called reacts.

    Args:
        answer: with `ring`, it rings until inspection decides.
            So it does by default at an identity that never had a token for calls, and so has no
            client, while Event Grid has a subscription: only an app answers for it.
        after_ms: how long it rings before they react. With `none`, it stops ringing then.
        tones: the keys that they press whenever the app begins to collect tones from them.
        tone_ms: how long it takes to press a key.
        says: what they say when the app begins to listen to them: the first of these the first time
            in a call, and so on, and then nothing. None is nothing, too; then they press `tones`,
            where the app collects these as well.
        say_ms: how long it takes until they speak.
    """

    answer: Reaction | Literal["ring"] = "accept"
    after_ms: Milliseconds = 50
    tones: Keys = Field(default_factory=list)
    tone_ms: Milliseconds = 10
    says: list[Said] = Field(default_factory=list)
    say_ms: Milliseconds = 10


class FarEndsSpec(Spec):
    """The body of `PUT /_emulator/farEnds`; the emulator starts with the defaults.

    Args:
        default: for everybody who is not in `far_ends`.
        far_ends: by raw id, or by phone number.
        play_ms: how long it takes to play any source.
        second_ms: how long a second of a time limit takes: for silence, between tones, for
            invitations and for incoming calls.
        sources: what is wrong with a file, by its URL.
        inter_tone_timeout: how a recognition ends when the time between two tones is over. In the
            documentation it has completed; until early 2023 it had failed, and apps expect that.
        frame_ms: how long it takes until media streaming sends the next 20 ms of sound.
        reconnects: how often a WebSocket is opened again that an app has lost.
    """

    default: FarEndSpec = FarEndSpec()
    far_ends: dict[Annotated[str, AfterValidator(_raw_id)], FarEndSpec] = Field(
        default_factory=dict
    )
    play_ms: Milliseconds = 50
    second_ms: Milliseconds = 1000
    sources: dict[str, Literal["badFormat", "notDownloadable", "error"]] = Field(
        default_factory=dict
    )
    inter_tone_timeout: Literal["completed", "failed"] = "completed"
    frame_ms: Annotated[int, Field(ge=1, le=MAX_MS)] = 20
    reconnects: Annotated[int, Field(ge=0, le=100)] = 2


class FarEnds:
    """Only inspection changes them, and a restart undoes the changes. People with clients react
    themselves, unless inspection has set a far end for them."""

    def __init__(
        self,
        identities: IdentityStore,
        files: AudioFiles,
        accounts: TeamsAccounts,
        resource_id: str,
    ) -> None:
        self.spec = FarEndsSpec()
        self.clients: Clients = NoClients()  # set by the calling plane
        self._identities = identities
        self._files = files
        self._accounts = accounts
        self._identity_prefix = f"{ACS_USER}{resource_id}_"

    def of(self, raw_id: str) -> FarEndSpec:
        return self.spec.far_ends.get(raw_id, self.spec.default)

    def seconds(self, number: float) -> float:
        """How long so many seconds of a time limit take here."""
        return number * self.spec.second_ms / 1000

    @asynccontextmanager
    async def playing(
        self, call: Call, listeners: Sequence[str], source: PlaySource
    ) -> AsyncIterator[float]:
        """Let clients hear a source until the context ends; yields how many seconds it lasts.

        Args:
            listeners: raw ids; empty: everybody in the call.
        """
        async with self.clients.playing(call, listeners, source) as seconds:
            yield self.spec.play_ms / 1000 if seconds is None else seconds

    def next_speech(self, participant: Participant) -> Speech | None:
        """What they say this time that an app begins to listen to them; None: nothing."""
        if participant.said_for is not self.spec:  # new far ends begin anew
            participant.said_for, participant.said = self.spec, 0
        says = self.of(participant.raw_id).says
        participant.said += 1
        return says[participant.said - 1] if participant.said <= len(says) else None

    async def source_error(self, source: PlaySource) -> ResultInformation | None:
        """Why a source cannot be played, or None. Speech always can."""
        if source.file is None:
            return None
        if name := self.spec.sources.get(source.file.uri):
            return SOURCE_ERRORS[name]
        return await self._files.error_of(source.file.uri)

    async def reaction(self, invitation: Invitation) -> ResultInformation | None:
        """Wait for the far end to react; returns why it does not accept, or None if it does.

        An ACS user who does not exist has no endpoint, so it cannot be reached. [assumed] Nor can
        an agent without an assignment, who gets no token.
        """
        target = invitation.target
        exists = self.has_user(target) or self._accounts.is_agent(target)
        if target.startswith(ACS_USER) and not exists:
            return UNREACHABLE
        if target in self.spec.far_ends:
            return FAILURES.get(await self._answer(invitation, self.of(target)))
        has_client = self.clients.has(target)
        is_there = has_client or invitation.is_announced or self._accounts.is_voice_app(target)
        if invitation.is_made_by_client and not is_there:
            return UNREACHABLE
        spec = self.spec.default
        if has_client or self._only_apps_answer(invitation):
            spec = spec.model_copy(update={"answer": "ring"})
        with self.clients.ringing(invitation) as ringing:
            reaction = await self._answer(invitation, spec)
        if reaction == "accept" and ringing.is_given_up:
            reaction = "decline"
        return FAILURES.get(reaction)

    async def _answer(self, invitation: Invitation, spec: FarEndSpec) -> str:
        """Wait for the far end to react."""
        limit, keeps_ringing = self.seconds(invitation.timeout_seconds), spec.answer == "ring"
        seconds = limit if keeps_ringing else min(limit, spec.after_ms / 1000)
        await asyncio.wait([invitation.reaction], timeout=seconds)
        if invitation.reaction.done():
            return invitation.reaction.result()
        if keeps_ringing or spec.after_ms / 1000 > limit:
            return "none"
        return spec.answer

    def _only_apps_answer(self, invitation: Invitation) -> bool:
        """Whether only an app that Event Grid tells can answer: an identity without a token has no
        client, and there is no emulated person for people who call."""
        if not invitation.is_announced:
            return False
        return invitation.is_made_by_client or not self._identities.can_call(invitation.target)

    def has_user(self, raw_id: str) -> bool:
        """Whether it is an identity of this resource."""
        return raw_id.startswith(self._identity_prefix) and self._identities.has_identity(raw_id)
