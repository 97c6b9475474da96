"""The little of OData that online meetings need: one kind of filter, and select."""

import re
from collections.abc import Mapping
from enum import Enum

from pydantic import JsonValue

from devstack.graph_emulator.answers import bad_body

# A quote inside a string is doubled.
_FILTER = re.compile(r"\s*(?P<property>[A-Za-z/]+)\s+eq\s+'(?P<text>(?:[^']|'')*)'\s*")


class By(Enum):
    """What meetings can be looked up by. Names in any case, as Microsoft's own examples have it."""

    JOIN_WEB_URL = "joinweburl"
    JOIN_MEETING_ID = "joinmeetingidsettings/joinmeetingid"


def read_filter(text: str) -> tuple[By, str]:
    """The property and the string that it is to be equal to.

    Raises:
        GraphError: any other filter.
    """
    match = _FILTER.fullmatch(text)
    by = {each.value: each for each in By}.get(match["property"].lower()) if match else None
    if match is None or by is None:
        raise bad_body(
            "The query specified in the URI is not valid: meetings are found by"
            " JoinWebUrl eq '...' or joinMeetingIdSettings/joinMeetingId eq '...'."
        )
    return by, match["text"].replace("''", "'")


def check_options(query: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Refuse system query options that are not in `allowed`: Graph does not ignore them either.

    Raises:
        GraphError: there is one.
    """
    for name in query:
        if name.startswith("$") and name not in allowed:
            raise bad_body(f"The query option {name!r} is not supported here.")


def selected(content: dict[str, JsonValue], select: str | None) -> dict[str, JsonValue]:
    """The properties named in `$select`; all of them if there is none.

    Raises:
        GraphError: a name is no property.
    """
    if select is None:
        return content
    names = [name.strip() for name in select.split(",")]
    for name in names:
        if name not in content:
            raise bad_body(
                f"Could not find a property named {name!r} on type 'microsoft.graph.onlineMeeting'."
            )
    return {name: content[name] for name in names}
