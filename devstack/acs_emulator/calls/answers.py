"""Every error of Call Automation.

The shape is recorded, and so is what a comment calls recorded or reported. The rest is [assumed]:
it was looked for, and not found. A client should rely on the status, or at most on the code.
"""

from devstack.acs_emulator.wire.answers import AcsError


def bad_request(message: str) -> AcsError:
    # Many people report this for a wrong callback address: the code is the status, as a string.
    return AcsError(400, "400", message)


def invalid_field(field: str, why: str = "") -> AcsError:
    """The sentence that people report, followed by the reason."""
    message = f"The field {field[:1].upper()}{field[1:]} is invalid."
    return bad_request(f"{message} {why}".rstrip())


def missing_caller_id() -> AcsError:
    # It is documented that a caller id is required.
    return invalid_field("sourceCallerIdNumber", "Calling a phone number needs a caller id.")


def foreign_caller_id(number: str, owned: str) -> AcsError:
    why = f"{number} is not the resource's number, which is {owned}."
    return invalid_field("sourceCallerIdNumber", why)


def speech_without_endpoint(field: str = "playSources") -> AcsError:
    # It is documented that the endpoint is required.
    why = "Speech needs cognitiveServicesEndpoint in createCall, answer or connect."
    return invalid_field(field, why)


def call_not_found() -> AcsError:
    # Recorded, for another operation in 2022; documented for all of them.
    return AcsError(404, "8522", "Call not found.")


def call_not_established() -> AcsError:
    # Recorded, for a transfer in 2022; documented for all actions.
    return AcsError(400, "8501", "Action is invalid when call is not in Established state")


def recording_not_found() -> AcsError:
    # Recorded, for a recording that was stopped (Java: CallRecordingLiveTests.recordingOperations).
    return AcsError(404, "8522", "Recording not found.")


def recording_in_progress() -> AcsError:
    # That a call has one recording at a time was documented for Microsoft's Telephony channel, with
    # the message; status and code are assumed.
    return AcsError(409, "409", "Recording is already in progress.")


def participant_not_found() -> AcsError:
    # Status and code are documented for whatever is not found, also for participants.
    return AcsError(404, "8522", "Participant not found.")


def incoming_call_gone() -> AcsError:
    return AcsError(404, "8522", "The incoming call was answered, redirected, rejected or ended.")


def repeatability_id_reused() -> AcsError:
    """The id of a repeatable request was used for another request."""
    return AcsError(
        400,
        "400",
        "Repeatability-Request-ID was used for another request.",
        headers={"Repeatability-Result": "rejected"},
    )


def bad_repeatability(why: str) -> AcsError:
    return AcsError(400, "400", why, headers={"Repeatability-Result": "rejected"})


def too_many_operations() -> AcsError:
    # The documented answer to too much; that there is a limit of waiting operations is assumed.
    message = "Too many media operations wait in this call."
    return AcsError(429, "TooManyRequests", message, headers={"Retry-After": "1"})


def stream_not_configured() -> AcsError:
    """Documented, among the codes of failed transcriptions; assumed is that it comes at once."""
    message = "Request not allowed: its URL, or cognitiveServicesEndpoint, was not set before."
    return AcsError(405, "8522", message)


def locale_without_region(locale: str | None) -> AcsError:
    """Documented, as above."""
    why = "locale is missing" if locale is None else "only locales with a region are supported"
    return AcsError(400, "8523", f"Invalid request, {why}.")


def update_not_supported() -> AcsError:
    """Documented, as above."""
    message = "UpdateTranscription is not supported for a connection that was made by connect."
    return AcsError(405, "8520", message)


def stream_conflict(*, is_started: bool) -> AcsError:
    # The code for two actions that contradict each other is documented; that these do is assumed.
    state = "already in progress" if is_started else "not in progress"
    return AcsError(409, "8519", f"The stream is {state}.")


def invalid_for_teams(field: str, why: str) -> AcsError:
    # The code is documented for a caller id and a display name in calls of Teams accounts.
    name = f"{field[:1].upper()}{field[1:]}"
    return AcsError(400, "8523", f"{name} is invalid in a call of a Teams resource account. {why}")


def no_consent() -> AcsError:
    # That consent is required is documented; how a call without it is refused, not found.
    return AcsError(403, "403", "There is no consent for this Teams resource account.")


def not_emulated(feature: str) -> AcsError:
    return AcsError(501, "NotEmulated", f"The emulator does not know {feature}.")
