"""A report that an operator may paste into an issue: the doctor's findings, and the versions of
what runs. It holds no secret, and nothing that names the deployment."""

import contextlib
import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from shared import __version__
from shared.settings import load
from shared.settings_reader import SettingsError

# Known faults belong to versions.
_PACKAGES = (
    *("azure-communication-callautomation", "azure-communication-identity", "azure-data-tables"),
    *("azure-functions", "azure-identity", "azure-core", "aiohttp", "PyJWT"),
)
# URLs name resources and tenants, GUIDs name tenants, people and apps.
_NAMING = re.compile(r"https?://[^\s,;)]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Shorter values are words such as `voip`, which every report has.
_SHORTEST = 5


class _Asked(Mapping[str, str]):
    """An environment without settings, which notes what it is asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def known_settings() -> frozenset[str]:
    """Every setting that the service reads."""
    asked = _Asked()
    with contextlib.suppress(SettingsError):
        load(asked)
    # The others are parts of an entry of AUTH_ISSUERS.
    return frozenset(name for name in asked.names if name[0].isupper())


def heading(environment: Mapping[str, str]) -> Iterator[str]:
    """What the service runs on, and the names of the settings that are set; never a value."""
    yield f"trusted-service {__version__}"
    yield f"python {platform.python_version()} on {platform.system()}"
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} is missing"
    given = sorted(name for name in known_settings() if environment.get(name, "").strip())
    yield f"settings: {', '.join(given) or 'none'}"


def without_names(line: str, environment: Mapping[str, str]) -> str:
    """A line of the report without URLs and GUIDs, and with a setting's name for its value."""
    values = {environment.get(name, "").strip(): name for name in known_settings()}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            line = line.replace(value, f"<{values[value]}>")
    return _NAMING.sub("<…>", line)
