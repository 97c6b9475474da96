"""What a caller may choose in the menu of a bot."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Connect:
    """Invite a user of the bot's realm: by their id, never by a phone number."""

    user: str


@dataclass(frozen=True)
class ConnectAgent:
    """Invite an agent of the tenant of the Teams resource account that was called: by the object id
    of the Teams user."""

    agent: str


@dataclass(frozen=True)
class Say:
    """Play the audio at a URL, or speak a text; then the caller may choose again."""

    url_or_text: str


@dataclass(frozen=True)
class HangUp:
    """End the call."""


type Choice = Connect | ConnectAgent | Say | HangUp
