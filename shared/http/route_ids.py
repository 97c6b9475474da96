"""Ids in a path: plain, or `~` and base64url if the id has characters that a path cannot hold."""

import base64
import binascii
import re

from shared.principals import MAX_ID_LENGTH
from shared.problems import Fault, InvalidRequest

_PLAIN = r"[A-Za-z0-9._|@-]+"


def read_id(text: str, name: str) -> str:
    """The id that a path segment holds, in either form.

    Args:
        name: the name of the segment, for the error message.

    Raises:
        InvalidRequest: the segment has neither form, or the id is too long.
    """
    found = find_id(text, name)
    if found is None:
        raise _no_id(name)
    return found


def find_id(text: str, name: str) -> str | None:
    """As `read_id`, but None for an id that is too long: nobody has it."""
    found = decoded(text)
    if not found:
        raise _no_id(name)
    return found if len(found) <= MAX_ID_LENGTH else None


def decoded(text: str) -> str:
    """What a path segment holds, in either form; "" if it has neither."""
    if text.startswith("~"):
        return _from_base64url(text[1:])
    return text if re.fullmatch(_PLAIN, text) and text not in (".", "..") else ""


def _no_id(name: str) -> InvalidRequest:
    message = (
        f"is not an id of 1 to {MAX_ID_LENGTH} characters; one with others than"
        " A-Z a-z 0-9 . _ | @ - is written ~ and base64url of its UTF-8"
    )
    return InvalidRequest(f"{name} {message}.", faults=[Fault("path", name, message)])


def _from_base64url(encoded: str) -> str:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
