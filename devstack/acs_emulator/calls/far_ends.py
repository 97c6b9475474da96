"""The far end: who is called, how they react, and what they press. Steered by tests and people."""

import asyncio
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from devstack.acs_emulator.calls.bodies import TONES
from devstack.acs_emulator.calls.connections import Invitation
from devstack.acs_emulator.calls.outcomes import (
    BAD_FORMAT,
    BUSY,
    DECLINED,
    MEDIA_ERROR,
    NO_ANSWER,
    NOT_DOWNLOADABLE,
    UNREACHABLE,
    Outcome,
)
from devstack.acs_emulator.identity.store import State
from devstack.acs_emulator.wire.identifiers import ACS_USER, checked_raw_id
from devstack.emulation.specs import Milliseconds, Spec

# [assumed] The documentation says "usually two minutes" of phones; a minute is the SDKs' example.
USUAL_INVITATION_SECONDS = 60

Reaction = Literal["accept", "busy", "decline", "none", "unreachable"]
REFUSALS: dict[str, Outcome] = {
    "busy": BUSY,
    "decline": DECLINED,
    "none": NO_ANSWER,
    "unreachable": UNREACHABLE,
}
SOURCE_FAULTS = {
    "badFormat": BAD_FORMAT,
    "notDownloadable": NOT_DOWNLOADABLE,
    "error": MEDIA_ERROR,
}


def read_tones(keys: object) -> object:
    """`"1 2 #"` as the names of tones; a list of names as it is."""
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
    """How one of the called reacts.

    Args:
        answer: `ring` is to go on ringing until told otherwise.
        after_ms: how long it rings; `none` gives up then, or when the invitation ends.
        tones: what they press whenever tones begin to be collected from them.
        tone_ms: how long each takes.
    """

    answer: Reaction | Literal["ring"] = "accept"
    after_ms: Milliseconds = 50
    tones: Keys = Field(default_factory=list)
    tone_ms: Milliseconds = 10


class FarEndsSpec(Spec):
    """The body of `PUT /_emulator/farEnds`; the defaults are how it starts.

    Args:
        default: everybody who is not named.
        far_ends: by raw id, or by phone number.
        play_ms: how long it takes to play any source.
        second_ms: how long a second of a time limit takes (silence, between tones, invitations).
        sources: what is wrong with a file, by its URL.
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


class FarEnds:
    """Changed by inspection only, and as it was after a restart."""

    def __init__(self, state: State, resource_id: str) -> None:
        self.spec = FarEndsSpec()
        self._state = state
        self._ours = f"{ACS_USER}{resource_id}_"

    def of(self, raw_id: str) -> FarEndSpec:
        return self.spec.far_ends.get(raw_id, self.spec.default)

    def seconds(self, number: float) -> float:
        """How long so many seconds of a time limit last here."""
        return number * self.spec.second_ms / 1000

    @property
    def play_seconds(self) -> float:
        return self.spec.play_ms / 1000

    def fault_of(self, source_url: str) -> Outcome | None:
        name = self.spec.sources.get(source_url)
        return None if name is None else SOURCE_FAULTS[name]

    async def reaction(self, invitation: Invitation) -> Outcome | None:
        """Wait for the far end to react; None if it takes the call.

        ACS users who do not exist have no endpoints: nobody ever reacts for them.
        """
        target = invitation.target
        is_user = target.startswith(ACS_USER)
        if is_user and not (target.startswith(self._ours) and self._state.has_identity(target)):
            return UNREACHABLE
        spec, limit = self.of(target), self.seconds(invitation.timeout_seconds)
        rings_on = spec.answer == "ring"
        seconds = limit if rings_on else min(limit, spec.after_ms / 1000)
        await asyncio.wait([invitation.decided], timeout=seconds)
        if invitation.decided.done():
            reaction = invitation.decided.result()
        elif rings_on or spec.after_ms / 1000 > limit:
            reaction = "none"
        else:
            reaction = spec.answer
        return REFUSALS.get(reaction)
