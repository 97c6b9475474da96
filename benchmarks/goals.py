"""Goals: bounds for a median, or for a ratio of two cases."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import Sample

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
        """The median over the rounds; None if the machine does not tell the quantity.

        Both cases of a ratio run one after the other. A ratio is made for each round, so that it
        does not matter if the machine slows down between two rounds.
        """
        found = list(self._values(samples))
        return statistics.median(found) if found else None

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
