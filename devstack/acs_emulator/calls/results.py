"""How calls, invitations and media operations end: the `resultInformation` of callback events.

The numbers are documented or recorded, except where a comment says that they are assumed: those
were looked for, and not found. Recordings are those that Microsoft keeps with the tests of its SDKs
for .NET, Java, JavaScript and Python. The messages are ours, except for the recorded forms `The
conversation has ended. DiagCode: ...` and `Action completed successfully.`.
"""

from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class ResultInformation:
    code: int
    sub_code: int
    message: str

    def as_json(self) -> dict[str, JsonValue]:
        return {"code": self.code, "subCode": self.sub_code, "message": self.message}


def _ended(sub_code: int, code: int = 200, diagnosis: int = 0) -> ResultInformation:
    message = f"The conversation has ended. DiagCode: {diagnosis}#{sub_code}.@"
    return ResultInformation(code, sub_code, message)


SUCCESS = ResultInformation(200, 0, "")

# How an invitation ends that is not accepted. The codes for busy are documented for phone numbers
# only; it is assumed that ACS users have the same.
BUSY = ResultInformation(486, 560486, "The called party is busy.")
NO_ANSWER = ResultInformation(487, 10004, "Nobody answered in time.")
DECLINED = ResultInformation(487, 10024, "The called party declined.")
UNREACHABLE = ResultInformation(480, 10037, "The called party has no endpoint that is registered.")
ALREADY_IN_CALL = ResultInformation(400, 8523, "The participant is in the call already.")  # assumed
CANCELED_INVITATION = ResultInformation(200, 5300, "The invitation was canceled.")
# The code is documented for whatever is not found.
NO_SUCH_INVITATION = ResultInformation(404, 8522, "There is no such invitation any more.")

# How a call ends.
ENDED_BY_APP = _ended(7000)
ENDED_BY_PHONE = _ended(560000)
ENDED_BY_USER = _ended(0)  # assumed: it is documented only for what clients see
ENDED_BY_REMOVAL = _ended(5300)  # recorded, for the leg of the participant who is removed
# Recorded, for the leg that stays alone when the last other participant is removed, and when an
# app terminates a call with several legs (in 2025 also as 5001), or rejects it (before as 603/0).
ENDED_WITH_CALL = _ended(5002)
ENDED_BY_RESTART = _ended(8500, code=500, diagnosis=500)  # assumed
# Documented for whatever is not found, "which can include participants".
NOT_IN_CALL = ResultInformation(404, 8522, "There is no such participant in the call.")

# How media operations end.
CANCELED = ResultInformation(400, 8508, "The operation was canceled.")
BAD_FORMAT = ResultInformation(400, 8535, "The file is in no format that can be played.")
NOT_DOWNLOADABLE = ResultInformation(400, 8536, "The file cannot be downloaded.")
MEDIA_ERROR = ResultInformation(500, 9999, "Unknown internal error.")
MAX_TONES = ResultInformation(200, 8531, "As many tones as were asked for were received.")
STOP_TONE = ResultInformation(200, 8514, "A stop tone was received.")
INTER_TONE_TIMEOUT = ResultInformation(400, 8532, "The time between two tones is over.")
INITIAL_SILENCE = ResultInformation(400, 8510, "The time for the first tone is over.")
PROMPT_FAILED = ResultInformation(500, 8511, "The prompt could not be played.")
# Documented, for choices and for speech.
CHOICE_SPOKEN = ResultInformation(200, 8545, "A phrase of a choice was heard.")
CHOICE_PRESSED = ResultInformation(200, 8533, "The tone of a choice was received.")
NO_CHOICE_SPOKEN = ResultInformation(400, 8547, "What was said is no phrase of a choice.")
NO_CHOICE_PRESSED = ResultInformation(500, 8534, "The tone is that of no choice.")
SPEECH_RECOGNIZED = ResultInformation(200, 8569, "Speech was recognized.")
SPEECH_NOT_RECOGNIZED = ResultInformation(400, 8563, "There were no words in what was heard.")

# Streams: the first one is recorded, the others are documented or in the tests of the SDK for Java.
STREAM_CHANGED = ResultInformation(200, 0, "Action completed successfully.")
STREAMING_FAILED = ResultInformation(500, 8603, "There is no WebSocket connection to the app.")
TRANSCRIPTION_FAILED = ResultInformation(500, 8578, "There is no WebSocket connection to the app.")
NOT_CONFIGURED = ResultInformation(405, 8522, "The connection was made without what this needs.")
