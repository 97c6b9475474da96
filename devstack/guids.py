"""GUIDs as text, in the one form that Azure writes them."""

import re
import uuid

# As Azure writes them, in lower case.
GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_GUID_IN_ANY_CASE = re.compile(GUID, re.IGNORECASE)


def is_guid(text: str) -> bool:
    """Is this a GUID with its hyphens, in upper or lower case?"""
    return _GUID_IN_ANY_CASE.fullmatch(text) is not None


def normal_guid(text: str) -> str:
    """The GUID in lower case and with hyphens, however it is given.

    Raises:
        ValueError: it is no GUID.
    """
    return str(uuid.UUID(text))
