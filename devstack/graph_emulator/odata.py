"""The part of OData that online meetings need: one kind of filter, and select."""

import re
from collections.abc import Mapping
from enum import Enum

from pydantic import JsonValue

from devstack.graph_emulator.answers import bad_body

# A quote inside a string is doubled.
_FILTER = re.compile(r"\s*(?P<property>[A-Za-z/]+)\s+eq\s+'(?P<text>(?:[^']|'')*)'\s*")


class SearchProperty(Enum):
    """What meetings can be searched by, in lower case: Microsoft's own examples differ in case."""

    JOIN_WEB_URL = "joinweburl"
    JOIN_MEETING_ID = "joinmeetingidsettings/joinmeetingid"


def read_filter(text: str) -> tuple[SearchProperty, str]:
    """The property that is searched by, and the value to find.

    Raises:
        GraphError: any other filter.
    """
    match = _FILTER.fullmatch(text)
    properties = {known.value: known for known in SearchProperty}
    searched = properties.get(match["property"].lower()) if match else None
    if match is None or searched is None:
        raise bad_body(
            "The query specified in the URI is not valid: meetings are found by"
            " JoinWebUrl eq '...' or joinMeetingIdSettings/joinMeetingId eq '...'."
        )
    return searched, match["text"].replace("''", "'")


def check_options(query: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Refuse other system query options than those in `allowed`: Graph does not ignore them either.

    Raises:
        GraphError: the query has another one.
    """
    for name in query:
        if name.startswith("$") and name not in allowed:
            raise bad_body(f"The query option {name!r} is not supported here.")


def selected(content: dict[str, JsonValue], select: str | None) -> dict[str, JsonValue]:
    """The properties named in `$select`; all of them if there is none.

    Raises:
        GraphError: there is no property of that name.
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
