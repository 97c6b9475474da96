"""Reads texts from the environment for the settings of each package, and collects every fault."""

import re
from collections.abc import Callable, Mapping

from shared.urls import is_safe_url

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SettingsError(Exception):
    """Some settings are wrong.

    Attributes:
        faults: setting name -> what is wrong with it and what it should be. Never a value.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


class SettingsReader:
    """Reads settings by name. A wrong one is noted with `fault` and the reading goes on, so that
    an operator learns of all faults at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The value without blanks around it; "" where it is not set."""
        return self._environment.get(name, "").strip()

    def fault(self, name: str, message: str) -> None:
        """Note what is wrong with a setting, never its value; of several faults the first."""
        self._faults.setdefault(name, message)

    def raise_faults(self) -> None:
        """Raises SettingsError where any fault was noted."""
        if self._faults:
            raise SettingsError(self._faults)

    def items(self, name: str) -> tuple[str, ...]:
        """The parts between commas."""
        return comma_separated(self.text(name))

    def guid(self, name: str, what: str) -> str:
        """A GUID in lower case; "" where it is not set.

        Args:
            what: what it names, for the fault.
        """
        given = self.text(name)
        if given and not is_guid(given):
            self.fault(name, f"is not a GUID ({what})")
        return given.lower()

    def url(self, name: str) -> str:
        """https, or http on this machine, without a slash at the end; "" where it is not set."""
        url = self.text(name).rstrip("/")
        if url and not is_safe_url(url):
            self.fault(name, "is neither https nor on this machine")
        return url

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        return int(self._number(name, default, low, high, int))

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        return self._number(name, default, low, high, float)

    def flag(self, name: str) -> bool:
        """Whether it is `true` or `1`; False where it is not set."""
        text = self.text(name).lower()
        if text not in ("", "true", "false", "1", "0"):
            self.fault(name, "is neither true nor false")
        return text in ("true", "1")

    def one_of(self, first: str, second: str) -> str | None:
        """Which of two settings is given; exactly one has to be."""
        given = [name for name in (first, second) if self.text(name)]
        if len(given) == 2:  # noqa: PLR2004
            self.fault(second, f"is given beside {first}; keep one")
        elif not given:
            self.fault(first, f"is missing; or set {second} for managed identity")
        return given[0] if given else None

    def _number(
        self, name: str, default: float, low: float, high: float, parse: Callable[[str], float]
    ) -> float:
        text = self.text(name)
        try:
            value = parse(text) if text else default
        except ValueError:
            value = low - 1
        if not low <= value <= high:  # also for NaN
            self.fault(name, f"is not a number from {low} to {high}")
            return default
        return value


def comma_separated(text: str) -> tuple[str, ...]:
    """The parts between commas, without blanks around them; empty parts are left out."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None
