"""The app's environment: what dev.py was started with, except where the stack knows better."""

from collections.abc import Mapping

# What the app refuses to be given beside what the stack sets.
_ALTERNATIVES = {
    "COMMUNICATION_CONNECTION_STRING": "COMMUNICATION_ENDPOINT",
    "TABLES_CONNECTION_STRING": "TABLES_ENDPOINT",
}


def overlaid(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """`environment` with a stack's settings, which win, and without the alternatives to them."""
    replaced = {alternative for name, alternative in _ALTERNATIVES.items() if name in settings}
    kept = {name: value for name, value in environment.items() if name not in replaced}
    return kept | dict(settings)


def ignored(environment: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    """The names that somebody gave another value than the app gets to see."""
    seen = overlaid(environment, settings)
    return sorted(
        name for name, value in environment.items() if value and seen.get(name, "") != value
    )
