"""Every error of Call Automation.

Recorded are the shape, and what a comment calls recorded or reported; the rest is [assumed], and a
client should go by the status, if at all by the code.
"""

from devstack.acs_emulator.wire.answers import AcsError


def bad_request(message: str) -> AcsError:
    # Reported by many: for a callback address the code is the status, in a string.
    return AcsError(400, "400", message)


def invalid_field(field: str, why: str = "") -> AcsError:
    """The reported sentence, and after it what this emulator knows of the reason."""
    message = f"The field {field[:1].upper()}{field[1:]} is invalid."
    return bad_request(f"{message} {why}".rstrip())


def missing_caller_id() -> AcsError:
    # Documented is that it is needed.
    return invalid_field("sourceCallerIdNumber", "Calling a phone number needs a caller id.")


def foreign_caller_id(number: str, owned: str) -> AcsError:
    why = f"{number} is not the resource's number, which is {owned}."
    return invalid_field("sourceCallerIdNumber", why)


def speech_without_endpoint() -> AcsError:
    # Documented is that it is needed.
    why = "Text to speech needs cognitiveServicesEndpoint in createCall, answer or connect."
    return invalid_field("playSources", why)


def call_not_found() -> AcsError:
    # Code and message as Graph's calls, which are the same platform, have them.
    return AcsError(404, "8522", "Call not found.")


def call_not_established() -> AcsError:
    # Code as Graph's calls have it.
    return AcsError(412, "8501", "Action is not valid when call is not in Established state.")


def participant_not_found() -> AcsError:
    return AcsError(404, "404", "Participant not found.")


def incoming_call_gone() -> AcsError:
    return AcsError(404, "8522", "The incoming call was answered, redirected, rejected or ended.")


def repeated_otherwise() -> AcsError:
    """The id of a repeatable request came with another request."""
    return AcsError(
        400,
        "400",
        "Repeatability-Request-ID was used for another request.",
        headers={"Repeatability-Result": "rejected"},
    )


def bad_repeatability(why: str) -> AcsError:
    return AcsError(400, "400", why, headers={"Repeatability-Result": "rejected"})


def not_emulated(what: str) -> AcsError:
    return AcsError(501, "NotEmulated", f"The emulator does not know {what}.")
