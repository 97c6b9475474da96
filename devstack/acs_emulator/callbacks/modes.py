"""How callbacks are to be delivered: the bodies of `/_emulator/callbacks`."""

import random
from typing import Annotated, Literal

from pydantic import Field

from devstack.emulation.specs import Milliseconds, Spec

MOST_REPEATS = 20
MOST_ATTEMPTS = 20

Order = Literal["documented", "shuffled", "reversed"]


class Arrangement(Spec):
    """An order, and for the shuffled one what makes it the same again."""

    order: Order = "documented"
    seed: int | None = None

    def chance(self) -> random.Random:
        return random.Random(self.seed)  # noqa: S311  repeatable, on purpose

    def arranged[T](self, items: list[T], chance: random.Random) -> list[T]:
        match self.order:
            case "documented":
                return items
            case "reversed":
                return items[::-1]
            case "shuffled":
                return chance.sample(items, len(items))


class CallbackMode(Arrangement):
    """The body of `PUT /_emulator/callbacks`; the defaults are how it starts.

    Args:
        window_ms: unless the order is the documented one, events of a connection are collected
            for so long from the first one on, and then sent in that order.
        repeat: how often each event is sent, if it is taken at once.
        delay_ms: how old an event is when it is sent.
        hold: all events, or those of these types (such as `CallConnected`), wait for a release.
        attempts: after so many that were not taken an event is given up. [assumed]
        retry_ms: between the first two attempts; then twice as long each time. [assumed]
    """

    window_ms: Milliseconds = 100
    repeat: Annotated[int, Field(ge=1, le=MOST_REPEATS)] = 1
    delay_ms: Milliseconds = 0
    hold: bool | list[str] = False
    attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)] = 6
    retry_ms: Milliseconds = 500

    def holds(self, event_type: str) -> bool:
        """`event_type` is whole, such as Microsoft.Communication.CallConnected."""
        if isinstance(self.hold, bool):
            return self.hold
        return event_type.rpartition(".")[2] in self.hold


class Release(Arrangement):
    """The body of `POST /_emulator/callbacks/release`.

    Args:
        count: only so many, oldest first; None: all that are held.
        types: only those, such as `CallConnected`.
    """

    count: Annotated[int, Field(ge=1)] | None = None
    types: list[str] | None = None
