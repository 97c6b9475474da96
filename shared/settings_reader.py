"""Reads settings from the environment for each package, and collects all faults."""

import json
import re
from collections.abc import Callable, Mapping

from shared.urls import is_safe_url

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# A phone number: a plus and up to 15 digits; a country code never begins with 0.
E164 = r"\+[1-9][0-9]{1,14}"

# If App Service cannot resolve a reference, the app gets the text of the reference, which is
# public.
_UNRESOLVED = r"(?i)@Microsoft\.(KeyVault|AppConfiguration)\s*\("
# Placeholders in the examples of our pages: <tenant id>, YOUR-APP, ...
_PLACEHOLDER = r"<[A-Za-z][A-Za-z0-9 _-]*>|\bYOUR-[A-Z]+|\bTENANT-ID\b|//HOST/|…"
# A text, alone or in a JSON value, that is a placeholder and nothing else.
_WHOLE_PLACEHOLDER = r'(^|")(<[A-Za-z][A-Za-z0-9 _-]*>|YOUR-[A-Z0-9-]+|…)("|$)'
# Settings with free text, which may have <this> in it.
_FREE_TEXTS = frozenset({"BOTS", "BOT_GREETING", "BOT_MENU", "EVENT_GRID_KEY", "RECORDING_NOTICE"})


class SettingsError(Exception):
    """Some settings are wrong.

    Attributes:
        faults: for each setting's name, what is wrong and what is right. It never holds a value.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


class SettingsReader:
    """Reads settings by name.

    A wrong setting does not stop it: `fault` records what is wrong, and `raise_faults` reports it
    at the end, so that an operator sees all faults at once.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: dict[str, str] = {}

    def text(self, name: str) -> str:
        """The value without blanks at its ends; "" if it is not set.

        A placeholder or an unresolved reference is a fault, also inside a JSON value.
        """
        value = self._environment.get(name, "").strip()
        if not value:
            return value
        placeholder = _WHOLE_PLACEHOLDER if name in _FREE_TEXTS else _PLACEHOLDER
        shown = _without_escapes(value)
        if re.search(_UNRESOLVED, shown):
            self.fault(name, "is a reference that the platform could not resolve")
        elif re.search(placeholder, shown):
            self.fault(name, "still holds a placeholder of an example")
        return value

    def fault(self, name: str, message: str) -> None:
        """Record what is wrong with a setting, without its value; only its first fault counts."""
        self._faults.setdefault(name, message)

    def raise_faults(self) -> None:
        """Raise SettingsError if any fault was recorded."""
        if self._faults:
            raise SettingsError(self._faults)

    def items(self, name: str) -> tuple[str, ...]:
        """The parts of a value between commas."""
        return comma_separated(self.text(name))

    def objects(self, name: str, example: str) -> list[Mapping[str, object]]:
        """The objects of a JSON list; none if it is not set.

        Args:
            example: a list, for the fault.
        """
        text = self.text(name)
        if not text:
            return []
        try:
            entries = json.loads(text)
        except (ValueError, RecursionError):
            entries = None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.fault(name, f"is not a JSON list such as {example}")
            return []
        return entries

    def guid(self, name: str, what: str) -> str:
        """A GUID in lower case; "" if it is not set.

        Args:
            what: says in the fault what the GUID identifies.
        """
        text = self.text(name)
        if text and not is_guid(text):
            self.fault(name, f"is not a GUID ({what})")
        return text.lower()

    def url(self, name: str) -> str:
        """A safe URL (see `is_safe_url`) without a slash at its end; "" if it is not set."""
        url = self.text(name).rstrip("/")
        if url and not is_safe_url(url):
            self.fault(name, "is neither https nor on this machine")
        return url

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        return int(self._number(name, default, low, high, int))

    def seconds(self, name: str, default: float, low: float, high: float) -> float:
        return self._number(name, default, low, high, float)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Whether it is `true` or `1`; the default if it is not set."""
        text = self.text(name).lower()
        if text not in ("", "true", "false", "1", "0"):
            self.fault(name, "is neither true nor false")
        return text in ("true", "1") if text else default

    def one_of(self, first: str, second: str) -> str | None:
        """The name of the one of two settings that is set; a fault if none or both are."""
        names = [name for name in (first, second) if self.text(name)]
        if len(names) == 2:  # noqa: PLR2004
            self.fault(second, f"is given beside {first}; keep one")
        elif not names:
            self.fault(first, f"is missing; or set {second} for managed identity")
        return names[0] if names else None

    def _number(
        self, name: str, default: float, low: float, high: float, parse: Callable[[str], float]
    ) -> float:
        text = self.text(name)
        try:
            value = parse(text) if text else default
        except ValueError:
            value = low - 1
        if not low <= value <= high:  # true for NaN too
            self.fault(name, f"is not a number from {low} to {high}")
            return default
        return value


def _without_escapes(value: str) -> str:
    """A JSON value without the escapes in its texts, which could hide a placeholder."""
    if "\\" not in value or not value.startswith(("{", "[")):
        return value
    try:
        return json.dumps(json.loads(value), ensure_ascii=False)
    except (ValueError, RecursionError):
        return value  # its own reader says what is wrong


def comma_separated(text: str) -> tuple[str, ...]:
    """The parts between commas, without blanks around them; empty parts are left out."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_guid(text: str) -> bool:
    return re.fullmatch(GUID, text) is not None
