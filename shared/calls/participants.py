"""Participants of calls: as they are stored, and as answers show them."""

from dataclasses import dataclass

from shared.keys import key

_RAW_PHONE = "4:"


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
        # 350 participants with ids of 79 characters take 29,000 of a property's 32,768 characters.
        return f"{self.raw_id} {self.is_muted:d}{self.is_on_hold:d}"

    @classmethod
    def of(cls, text: str) -> "Participant":
        raw_id, _, flags = text.rpartition(" ")
        return cls(raw_id, flags[0] == "1", flags[1] == "1")

    @property
    def phone_number(self) -> str | None:
        return self.raw_id[len(_RAW_PHONE) :] if self.raw_id.startswith(_RAW_PHONE) else None


def participant_id(call_id: str, salt: str, raw_id: str) -> str:
    """The id of a participant in answers: a hash, so that it shows no ACS id and no number.

    Args:
        salt: the call's. Without it, whoever knows a masked number could find all of it by trying
            the few thousand numbers that it may be. Empty in calls of versions that had none.
    """
    salted = (call_id, salt) if salt else (call_id,)
    return key("participant", *salted, raw_id)[:32]


def masked(phone_number: str) -> str:
    """A phone number as answers show it: only its last two digits."""
    return "•" * max(0, len(phone_number) - 2) + phone_number[-2:]
