"""The app's environment: the variables of dev.py, except those that the stack sets."""

from collections.abc import Mapping

# Settings that the app refuses beside those of the stack.
_ALTERNATIVES = {
    "COMMUNICATION_CONNECTION_STRING": "COMMUNICATION_ENDPOINT",
    "TABLES_CONNECTION_STRING": "TABLES_ENDPOINT",
}


def with_settings(environment: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """`environment` with the settings of a stack, which replace its own, and their alternatives."""
    replaced = {alternative for name, alternative in _ALTERNATIVES.items() if name in settings}
    kept = {name: value for name, value in environment.items() if name not in replaced}
    return kept | dict(settings)


def overridden(environment: Mapping[str, str], settings: Mapping[str, str]) -> list[str]:
    """The names of variables whose values the app does not get."""
    given = with_settings(environment, settings)
    return sorted(
        name for name, value in environment.items() if value and given.get(name, "") != value
    )
