"""The interface by which calls use the clients of people: the windows of the calling plane, which
is above this package.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Protocol, override

from devstack.acs_emulator.calls.bodies import PlaySource
from devstack.acs_emulator.calls.connections import Call, Invitation


class Ringing(Protocol):
    """A call that rings at the clients of one person."""

    @property
    def is_given_up(self) -> bool:
        """Whether the client that accepted it has left since."""


class Clients(Protocol):
    """The clients that are open now. Nothing here raises."""

    def has(self, raw_id: str) -> bool:
        """Whether the person has a client that can be called."""

    def ringing(self, invitation: Invitation) -> AbstractContextManager[Ringing]:
        """Ring at the clients of the target, also at those that open meanwhile, until the context
        ends. The first client that answers sets the reaction of the invitation."""

    def changed(self, call: Call) -> None:
        """Somebody came to the call, left it, or is muted or on hold."""

    def moved(self, raw_id: str, there: Call, here: Call) -> None:
        """A participant was moved from one call to another, and is in it already."""

    def playing(
        self, call: Call, listeners: Sequence[str], source: PlaySource
    ) -> AbstractAsyncContextManager[float | None]:
        """Let clients in the call hear something until the context ends.

        Yields how many seconds it lasts; None: no client hears it.

        Args:
            listeners: raw ids; empty: everybody.
        """


class ClientCall(Protocol):
    """A call that a client makes, as long as it rings; an app may be at the other end."""

    @property
    def is_ringing(self) -> bool: ...

    def answer(self) -> None:
        """An app has answered, and its leg is in the call."""

    def redirect(self, target: str) -> None:
        """An app lets it ring at somebody else."""

    def reject(self) -> None:
        """An app does not take it."""


class NoClients(Clients):
    """No clients: everybody is an emulated far end."""

    @override
    def has(self, raw_id: str) -> bool:
        return False

    @override
    @contextmanager
    def ringing(self, invitation: Invitation) -> Iterator[Ringing]:
        yield _Silence()

    @override
    def changed(self, call: Call) -> None: ...

    @override
    def moved(self, raw_id: str, there: Call, here: Call) -> None: ...

    @override
    @asynccontextmanager
    async def playing(
        self, call: Call, listeners: Sequence[str], source: PlaySource
    ) -> AsyncIterator[float | None]:
        yield None


class _Silence:
    is_given_up = False
