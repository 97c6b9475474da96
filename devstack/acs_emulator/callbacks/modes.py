"""How callbacks are delivered: the bodies of `/_emulator/callbacks`."""

import random
from typing import Annotated, Literal

from pydantic import Field

from devstack.emulation.specs import Milliseconds, Spec

MAX_REPEATS = 20
MAX_ATTEMPTS = 20

Order = Literal["documented", "shuffled", "reversed"]


class OrderSpec(Spec):
    """An order of events.

    Args:
        seed: makes the shuffled order the same every time.
    """

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


class CallbackMode(OrderSpec):
    """The body of `PUT /_emulator/callbacks`; the emulator starts with the defaults.

    Args:
        window_ms: in any other order than the documented one, the events of a connection are
            collected for so long, beginning with the first one, and then sent in that order.
        repeat: how often each event is sent, if its first attempt is accepted.
        delay_ms: how long after it arose an event is sent.
        hold: whether all events wait for a release; or the types, such as `CallConnected`, of those
            that do.
        hold_again: whether an event that was not accepted waits for a release, instead of being
            tried again in time.
        attempts: how often an event that is not accepted is sent before it is given up. [assumed]
        retry_ms: the pause between the first two attempts; every later pause is twice as long as
            the one before it. [assumed]
    """

    window_ms: Milliseconds = 100
    repeat: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    delay_ms: Milliseconds = 0
    hold: bool | list[str] = False
    hold_again: bool = False
    attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] = 6
    retry_ms: Milliseconds = 500

    def holds(self, short_type: str) -> bool:
        """Whether events of a type, such as `CallConnected`, are held."""
        return self.hold if isinstance(self.hold, bool) else short_type in self.hold


class ReleaseSpec(OrderSpec):
    """The body of `POST /_emulator/callbacks/release`.

    Args:
        count: how many to release, oldest first; None: all of them.
        types: which types to release, such as `CallConnected`; None: all of them.
    """

    count: Annotated[int, Field(ge=1)] | None = None
    types: list[str] | None = None
