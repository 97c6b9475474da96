"""The windows that are connected: one for each tab of each person."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import JsonValue

from devstack.acs_emulator.calling.access import Access

MAX_WINDOWS = 100
# Enough for the candidates of four peers at once; a window that reads nothing is closed.
MAX_WAITING = 1000


@dataclass(frozen=True)
class Closing:
    """How a connection is closed by the server."""

    code: int
    text: str


TOKEN, ORIGIN = 4401, 4403
OVERLOADED, STOPPING = 1008, 1012


@dataclass(eq=False)
class Window:
    """A window, and the messages that wait to be sent to it.

    Args:
        access: by its newest token.
        display_name: what others see.
    """

    access: Access
    display_name: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    outbox: asyncio.Queue[dict[str, JsonValue] | Closing] = field(default_factory=asyncio.Queue)
    is_open: bool = True

    @property
    def user(self) -> str:
        return self.access.user

    def send(self, type_: str, **fields: JsonValue) -> None:
        if not self.is_open:
            return
        if self.outbox.qsize() >= MAX_WAITING:
            self.close(OVERLOADED, "Too many messages wait.")
            return
        self.outbox.put_nowait({"type": type_, **fields})

    def welcome(self) -> None:
        access = self.access
        self.send(
            "welcome",
            window=self.id,
            user=access.user,
            scopes=list(access.scopes),
            expiresAt=access.expires_at,
        )

    def close(self, code: int, text: str) -> None:
        """Close it after the waiting messages; nothing more is sent."""
        if self.is_open:
            self.is_open = False
            self.outbox.put_nowait(Closing(code, text))


class Windows:
    """All windows that are open.

    `opened` and `closed` are called with each window.
    """

    def __init__(self) -> None:
        self._open: dict[str, Window] = {}
        self.opened: list[Callable[[Window], None]] = []
        self.closed: list[Callable[[Window], None]] = []

    @property
    def is_full(self) -> bool:
        return len(self._open) >= MAX_WINDOWS

    def add(self, window: Window) -> None:
        self._open[window.id] = window
        for tell in self.opened:
            tell(window)

    def remove(self, window: Window) -> None:
        window.is_open = False
        del self._open[window.id]
        for tell in self.closed:
            tell(window)

    def all(self) -> list[Window]:
        return list(self._open.values())

    def of(self, user: str) -> list[Window]:
        return [one for one in self._open.values() if one.user == user and one.is_open]

    def close_all_of(self, user: str) -> None:
        """Close the windows of a user whose tokens are revoked."""
        for window in self.of(user):
            window.close(TOKEN, "The token was revoked.")
