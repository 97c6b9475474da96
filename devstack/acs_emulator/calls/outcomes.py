"""How things end: the `resultInformation` of callback events.

The numbers are documented or recorded, except where a comment says that they are assumed. Messages
are ours, but for the recorded form `The conversation has ended. DiagCode: ...`.
"""

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class Outcome:
    code: int
    sub_code: int
    message: str

    def described(self) -> dict[str, JsonValue]:
        return {"code": self.code, "subCode": self.sub_code, "message": self.message}


def _ended(sub_code: int, code: int = 200, diagnosis: int = 0) -> Outcome:
    message = f"The conversation has ended. DiagCode: {diagnosis}#{sub_code}.@"
    return Outcome(code, sub_code, message)


SUCCESS = Outcome(200, 0, "")

# How an invitation ends that nobody takes up. Busy is documented for phone numbers only: an ACS
# user who is busy is assumed to look the same.
BUSY = Outcome(486, 560486, "The called party is busy.")
NO_ANSWER = Outcome(487, 10004, "Nobody answered in time.")
DECLINED = Outcome(487, 10024, "The called party declined.")
UNREACHABLE = Outcome(480, 10037, "The called party has no endpoint that is registered.")
ALREADY_THERE = Outcome(400, 8500, "The participant is in the call already.")  # assumed
CANCELED_INVITATION = Outcome(200, 5300, "The invitation was canceled.")
NO_SUCH_INVITATION = Outcome(404, 8500, "There is no such invitation any more.")  # assumed

# How a call ends.
ENDED_BY_APP = _ended(7000)
ENDED_BY_PHONE = _ended(560000)
ENDED_BY_USER = _ended(0)  # assumed: documented for the client's own side only
ENDED_BY_REMOVAL = _ended(5300)
ENDED_BY_RESTART = _ended(8500, code=500, diagnosis=500)  # assumed
NOT_IN_CALL = Outcome(404, 8500, "There is no such participant in the call.")  # assumed

# How media operations end.
CANCELED = Outcome(400, 8508, "The operation was canceled.")
BAD_FORMAT = Outcome(400, 8535, "The file is in no format that can be played.")
NOT_DOWNLOADABLE = Outcome(400, 8536, "The file cannot be downloaded.")
MEDIA_ERROR = Outcome(500, 9999, "Unknown internal error.")
MAX_TONES = Outcome(200, 8531, "As many tones as were asked for were received.")
STOP_TONE = Outcome(200, 8514, "A stop tone was received.")
INTER_TONE_TIMEOUT = Outcome(400, 8532, "The time between two tones is over.")
INITIAL_SILENCE = Outcome(400, 8510, "The time for the first tone is over.")
PROMPT_FAILED = Outcome(500, 8511, "The prompt could not be played.")
