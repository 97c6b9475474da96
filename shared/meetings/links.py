"""Links by which people join Teams meetings."""

import re
from urllib.parse import urlsplit

from shared.urls import is_safe_url

# Where Teams itself is: worldwide, under its newer name, and for the US government.
_TEAMS_HOSTS = frozenset(
    {
        "teams.microsoft.com",
        "teams.cloud.microsoft",
        "gov.teams.microsoft.us",
        "dod.teams.microsoft.us",
    }
)
_JOINING = ("/l/meetup-join/", "/meet/")
# What browsers leave out with what is before it: /meet/../l/app is no meeting.
_DOTS = re.compile(r"/(\.|%2e){1,2}(/|$)", re.IGNORECASE)


def is_teams_link(url: str) -> bool:
    """Is this a link to join a Teams meeting, long or short? What it holds is Teams' business."""
    if not is_safe_url(url):
        return False
    parts = urlsplit(url)
    return (
        parts.scheme == "https"
        and parts.netloc in _TEAMS_HOSTS
        and parts.path.startswith(_JOINING)
        and not _DOTS.search(parts.path)
    )
