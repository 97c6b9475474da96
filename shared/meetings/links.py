"""Recognizes links to join Teams meetings."""

import re
from urllib.parse import urlsplit

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
_JOIN_PATHS = ("/l/meetup-join/", "/meet/")
# Browsers resolve dot segments: /meet/../l/app opens /l/app, which is no meeting.
_DOT_SEGMENTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)


def is_teams_link(url: str) -> bool:
    """Whether a URL is a link to join a Teams meeting, in its long or its short form.

    Only host and path are checked: whether there is such a meeting, only Teams knows.
    """
    if not is_safe_url(url):
        return False
    parts = urlsplit(url)
    return (
        parts.scheme == "https"
        and parts.netloc in _TEAMS_HOSTS
        and parts.path.startswith(_JOIN_PATHS)
        and not _DOT_SEGMENTS.search(parts.path)
    )
