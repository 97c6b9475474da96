"""Participants of calls: as they are stored, and as answers show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.keys import key
from shared.stored_rows import MOST_BYTES, Value

_RAW_PHONE = "4:"
_PROPERTIES = ("members", "members2")


@dataclass(frozen=True)
class Participant:
    """Somebody in a call.

    Attributes:
        raw_id: ACS's raw id: `8:acs:…` for users and bots, `4:+…` for phone numbers.
    """

    raw_id: str
    is_muted: bool = False
    is_on_hold: bool = False

    def text(self) -> str:
        return f"{self.raw_id} {self.is_muted:d}{self.is_on_hold:d}"

    @classmethod
    def of(cls, text: str) -> "Participant":
        raw_id, _, flags = text.rpartition(" ")
        return cls(raw_id, flags[0] == "1", flags[1] == "1")

    @property
    def phone_number(self) -> str | None:
        return self.raw_id[len(_RAW_PHONE) :] if self.raw_id.startswith(_RAW_PHONE) else None


def stored_participants(participants: Iterable[Participant]) -> dict[str, Value]:
    """The properties that hold participants: as many lines in each as its bytes allow.

    350 participants whose ids have 116 characters, as those of guests from Teams have, need two.
    Participants who do not fit into both are left out, so that the record can be written.
    """
    properties, n, size = [list[str]() for _ in _PROPERTIES], 0, 0
    for line in (one.text() for one in participants):
        needed = len(f"{line}\n".encode("utf-16-le"))
        if size + needed > MOST_BYTES:
            n, size = n + 1, 0
        if n == len(_PROPERTIES):
            break
        properties[n].append(line)
        size += needed
    texts = ["\n".join(lines) for lines in properties]
    named = dict(zip(_PROPERTIES, texts, strict=True))
    return {name: text for name, text in named.items() if text or name == _PROPERTIES[0]}


def read_participants(values: Mapping[str, Any]) -> tuple[Participant, ...]:
    """The participants of a stored record."""
    lines = [line for name in _PROPERTIES for line in values.get(name, "").splitlines()]
    return tuple(map(Participant.of, lines))


def participant_id(call_id: str, salt: str, raw_id: str) -> str:
    """The id of a participant in answers: a hash, so that it shows no ACS id and no number.

    Args:
        salt: the call's. Without it, somebody who knows a masked number could find the whole number
            by trying all that fit. Empty in calls of versions that had none.
    """
    salted = (call_id, salt) if salt else (call_id,)
    return key("participant", *salted, raw_id)[:32]


def masked(phone_number: str) -> str:
    """A phone number as answers show it: only its last two digits."""
    return "•" * max(0, len(phone_number) - 2) + phone_number[-2:]
