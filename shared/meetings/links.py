"""Recognizes links to join Teams meetings."""

import json
import re
from urllib.parse import SplitResult, quote_from_bytes, unquote_to_bytes, urlsplit

from shared.urls import is_safe_url

# Hosts of Teams: worldwide, worldwide under its newer name, and the two US government clouds.
_TEAMS_HOSTS = frozenset(
    {
        "teams.microsoft.com",
        "teams.cloud.microsoft",
        "gov.teams.microsoft.us",
        "dod.teams.microsoft.us",
    }
)
_HTTPS_PORT = 443
_LONG, _SHORT = "/l/meetup-join/", "/meet/"
# Browsers resolve dot segments: /meet/../l/app opens /l/app, which is no meeting.
_DOT_SEGMENTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)
_ESCAPE = re.compile("%[0-9A-F]{2}")
_BROKEN_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
# The id of a meeting's thread, as long links have it: 19:meeting_...@thread.v2
_THREAD_PREFIX = "19:"


def teams_link(url: str) -> str | None:
    """A link to join a Teams meeting, in its long or its short form; None for anything else.

    Only Teams knows whether there is such a meeting. But a link that was cut off is refused.

    Returns:
        The link as Teams itself spells it: one meeting has one text, however people write it (host
        in capitals, `:` for `%3a`).
    """
    if not is_safe_url(url):
        return None
    parts = urlsplit(url)
    # A plus in a query is a blank; a slash at the end of a path says nothing.
    parts = parts._replace(path=parts.path.rstrip("/"), query=parts.query.replace("+", "%20"))
    if (
        parts.scheme != "https"
        or parts.hostname not in _TEAMS_HOSTS
        or parts.port not in (None, _HTTPS_PORT)
        or not parts.path.startswith((_LONG, _SHORT))
        or _DOT_SEGMENTS.search(parts.path)
        or _stops_early(url, parts)
    ):
        return None
    path = "/".join(map(_respelled, parts.path.split("/")))
    fields = (map(_respelled, field.split("=")) for field in parts.query.split("&"))
    query = "&".join(map("=".join, fields))
    return f"https://{parts.hostname}{path}{'?' if query else ''}{query}"


def _respelled(text: str) -> str:
    """Every character that can be escaped is, with lower-case digits, as Graph and Outlook do."""
    escaped = quote_from_bytes(unquote_to_bytes(text), safe="")
    return _ESCAPE.sub(lambda found: found.group().lower(), escaped)


def _stops_early(url: str, parts: SplitResult) -> bool:
    if url.endswith(("?", "&", "=")) or _BROKEN_ESCAPE.search(url):
        return True
    fields = [field.partition("=") for field in parts.query.split("&")] if parts.query else []
    if any(not value for _, _, value in fields):
        return True
    if parts.path.startswith(_SHORT):
        return not parts.path.removeprefix(_SHORT).strip("/")
    first, *rest = parts.path.removeprefix(_LONG).split("/")
    thread = _text(first)
    if not thread.startswith(_THREAD_PREFIX):  # some other form, or cut off too early to know
        return _THREAD_PREFIX.startswith(thread)
    is_whole = "@thread." in thread and bool(rest) and rest[0].isdecimal()
    return not is_whole or any(
        name == "context" and _is_part_of_json(_text(value)) for name, _, value in fields
    )


def _text(escaped: str) -> str:
    return unquote_to_bytes(escaped).decode(errors="replace")


def _is_part_of_json(context: str) -> bool:
    """Whether this begins like JSON but is none: tenant and organizer, cut off."""
    try:
        json.loads(context)
    except (ValueError, RecursionError):
        return context.startswith("{")
    return False
