"""Goals: bounds for a median, or for a ratio of two cases."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.turns import Sample

# By case: its sample of each round.
type Samples = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """
    Attributes:
        case: the case whose quantity counts.
        over: the case that it is divided by, round by round; None for the quantity itself.
        at_least, at_most: the bound; one of the two is set.
    """

    case: str
    quantity: str
    over: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def text(self) -> str:
        over = "" if self.over is None else f", over {self.over}"
        return f"{self.case}: {self.quantity}{over}"

    @property
    def bound(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}"

    def value(self, samples: Samples) -> float | None:
        """None if the machine does not tell the quantity.

        Otherwise the median over the rounds. Of a ratio, which is made for each round, it is the
        geometric mean: it uses all rounds, and twice as fast and half as fast cancel each other.
        """
        found = list(self._values(samples))
        if not found:
            return None
        return statistics.median(found) if self.over is None else statistics.geometric_mean(found)

    def is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    def _values(self, samples: Samples) -> Iterable[float]:
        mine = samples[self.case]
        if self.over is None:
            return [one[self.quantity] for one in mine if self.quantity in one]
        return [
            one[self.quantity] / other[self.quantity]
            for one, other in zip(mine, samples[self.over], strict=True)
            if self.quantity in one and other.get(self.quantity)
        ]
