"""Ids in a path: plain, or `~` and base64url if the id has characters that a path cannot hold."""

import base64
import binascii
import re

from shared.principals import MAX_ID_LENGTH
from shared.problems import Fault, InvalidRequest

_PLAIN = re.compile(r"[A-Za-z0-9._|@-]+")


def read_id(text: str, name: str) -> str:
    """The id that a path segment holds, in either form.

    Args:
        name: the name of the segment, for the error message.

    Raises:
        InvalidRequest: the segment has neither form, or the id is too long.
    """
    is_encoded = text.startswith("~")
    found = _decoded(text[1:]) if is_encoded else text
    is_id = is_encoded or (_PLAIN.fullmatch(text) and text not in (".", ".."))
    if not is_id or not found or len(found) > MAX_ID_LENGTH:
        message = (
            f"is not an id of 1 to {MAX_ID_LENGTH} characters; one with others than"
            " A-Z a-z 0-9 . _ | @ - is written ~ and base64url of its UTF-8"
        )
        raise InvalidRequest(f"{name} {message}.", faults=[Fault("path", name, message)])
    return found


def _decoded(encoded: str) -> str:
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
