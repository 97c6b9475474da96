"""Why calls and actions ended: ACS's codes, in our words.

ACS's own texts are never shown, because they may hold raw ids and phone numbers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

CALL_GONE = "The call had ended, or was not connected yet, or who was meant was not in it."
NEVER_CONFIRMED = "Azure Communication Services never confirmed the call."
FOUND_ENDED = "Azure Communication Services has no such call any more."
NOT_RINGING = "It rang no more when it was to be answered."
NOT_ANSWERED = "Azure Communication Services did not let it be answered."
CALLER_BUSY = "Its caller had too many calls."
ACCOUNT_BUSY = "Too many calls to the Teams resource account went on."
NOTHING_TO_SAY = "There is nothing to be said."
NOBODY_TO_CONNECT = "The person to be connected has no identity here."
CONNECTS_CALLER = "The person to be connected is the caller."
AGENTS_ONLY = "In a call of a Teams resource account only agents can be connected."
NO_AGENTS = "Agents can be connected only in calls of Teams resource accounts."
NOTICE_NOT_HEARD = "The notice was not played to its end, so nothing was recorded."
RECORDING_NEVER_CONFIRMED = "Azure Communication Services never confirmed the recording."
_OURS = frozenset(
    {
        CALL_GONE,
        NEVER_CONFIRMED,
        FOUND_ENDED,
        NOT_RINGING,
        NOT_ANSWERED,
        CALLER_BUSY,
        ACCOUNT_BUSY,
        NOTHING_TO_SAY,
        NOBODY_TO_CONNECT,
        CONNECTS_CALLER,
        AGENTS_ONLY,
        NO_AGENTS,
        NOTICE_NOT_HEARD,
        RECORDING_NEVER_CONFIRMED,
    }
)
# As `refusal` writes them; the code is checked again, because older rows may hold any.
_REFUSAL = re.compile(r"ACS does not take this \((no code|[A-Za-z]{1,64}|[0-9]{1,6})\)\.")

# By ACS's subcode (documented: "Troubleshooting in Azure Communication Services").
BY_SUB_CODE = {
    5002: "The others declined, or have left.",
    5300: "A participant was removed.",
    8508: "It was canceled.",
    8510: "Nobody pressed a key in time.",
    8511: "The prompt could not be played.",
    8523: "What was requested was not valid.",
    8531: "As many tones were pressed as were to be collected.",
    8532: "The time between two tones was over.",
    8514: "A stop tone was pressed.",
    8535: "The format of the audio is not supported.",
    8536: "The audio could not be fetched.",
}
# By ACS's code, which follows HTTP and SIP.
BY_CODE = {
    200: "It ended as it should.",
    400: "Azure Communication Services could not do it.",
    401: "Azure Communication Services did not allow it.",
    403: "Azure Communication Services did not allow it.",
    404: "What was called or asked for was not found.",
    408: "Nobody answered in time.",
    410: "Nobody could be reached.",
    480: "Nobody could be reached.",
    486: "The line was busy.",
    487: "It was canceled, or nobody answered.",
    603: "The call was declined.",
}
_FAILED = "Azure Communication Services failed."
_OTHER = "It ended with this code of Azure Communication Services."


@dataclass(frozen=True)
class Reason:
    """Why a call or an action ended.

    Attributes:
        code, sub_code: ACS's own; or ours, with subcode 0, if ACS refused the request or was never
            asked.
        message: our words; empty if ACS gave the reason. In rows of earlier versions it may be
            ACS's own text, so clients are told `words`.
    """

    code: int
    sub_code: int
    message: str = ""

    @property
    def is_ours(self) -> bool:
        """Is the message one that this service writes?"""
        return self.message in _OURS or _REFUSAL.fullmatch(self.message) is not None

    @property
    def words(self) -> str:
        """What clients are told: our own words, with no raw id and no number."""
        if self.is_ours:
            return self.message
        if self.code >= HTTPStatus.INTERNAL_SERVER_ERROR and self.code not in BY_CODE:
            return _FAILED
        return BY_SUB_CODE.get(self.sub_code) or BY_CODE.get(self.code, _OTHER)

    def stored(self) -> dict[str, Any]:
        """As it is stored. The names in it stay, even if the fields are renamed."""
        return {"code": self.code, "sub_code": self.sub_code, "message": self.message}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["code"], stored["sub_code"], stored["message"])


def refusal(code: str) -> str:
    """What clients are told if ACS refuses a request: with its code, unless that is no code."""
    text = f"ACS does not take this ({code})."
    return text if _REFUSAL.fullmatch(text) else "ACS does not take this (no code)."
