"""The settings of Teams meetings: the endpoint of Microsoft Graph, and the default organizer."""

from typing import NamedTuple

from shared.settings_reader import SettingsReader
from shared.urls import is_loopback, is_safe_url

# Graph worldwide, for the US government (L4 and L5, which is DoD), and in China.
_GRAPH_CLOUDS = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)


class MeetingSettings(NamedTuple):
    """
    Attributes:
        graph_endpoint: the URL of Graph; empty if this service schedules no meetings.
        organizer: object id of the Entra user who is the organizer for callers whom Entra did not
            sign in; empty if there is none.
    """

    graph_endpoint: str
    organizer: str


def read_meeting_settings(reader: SettingsReader) -> MeetingSettings:
    url = reader.text("GRAPH_ENDPOINT").rstrip("/")
    if url and not (is_safe_url(url) and (url in _GRAPH_CLOUDS or is_loopback(url))):
        reader.fault("GRAPH_ENDPOINT", f"is none of {', '.join(_GRAPH_CLOUDS)}")
    if not url and reader.text("MEETING_ORGANIZER_ID"):
        reader.fault("MEETING_ORGANIZER_ID", "has no effect without GRAPH_ENDPOINT")
    return MeetingSettings(url, reader.guid("MEETING_ORGANIZER_ID", "an Entra user's object id"))


def graph_scope(endpoint: str) -> str:
    """The scope to ask for in an access token; an emulator stands in for the worldwide Graph."""
    cloud = endpoint if endpoint in _GRAPH_CLOUDS else _GRAPH_CLOUDS[0]
    return f"{cloud}/.default"
