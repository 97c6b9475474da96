"""The licence of each package that is deployed, and which licences it may have.

Names are SPDX identifiers, as https://spdx.org/licenses lists them.
"""

import re
from importlib import metadata
from pathlib import Path

from devstack.files import ROOT

DEPLOYED = ROOT / "requirements.txt"
PAGE = ROOT / "docs" / "licences.md"

# All let anybody use the package in any service. MPL-2.0 asks for the source of the files of a
# package that somebody has changed: nobody has. None here asks for the source of the service.
ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
    }
)

# For packages that do not use the names of SPDX: the text of their field License, or their
# classifier.
_SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "MIT License": "MIT",
}
# Where the package says no more than "BSD", the text of its licence does.
_READ_IN_ITS_TEXT = {"isodate": "BSD-3-Clause"}

_PAGE = """\
# Licences

The licences of the packages that are deployed with the service. `python3 dev.py licences` writes
this page from the packages' own metadata, and `python3 dev.py sbom` makes a CycloneDX document of
the same packages. The service's own licence is MIT. A package with another licence than these fails
the tests: {allowed}.

| package | licence |
|---|---|
{lines}
| Swagger UI, in `ApiDocs/viewer/` | Apache-2.0 |
"""

_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^]]*\])?==", re.MULTILINE)


def packages(requirements: Path = DEPLOYED) -> list[str]:
    """The names of what is pinned there."""
    return _PINNED.findall(requirements.read_text("utf-8"))


def licence_of(package: str) -> str:
    """An SPDX expression; "unknown" where the package says none that is known here.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    about = metadata.metadata(package)
    said = about.get("License-Expression") or about.get("License") or "unknown"
    found = _READ_IN_ITS_TEXT.get(package) or _SPELLINGS.get(said, said)
    return found if "\n" not in found else "unknown"


def is_allowed(expression: str) -> bool:
    """Whether each part that AND joins is allowed, or one of the parts that OR joins in it."""
    return all(
        any(one.strip("() ") in ALLOWED for one in part.split(" OR "))
        for part in expression.split(" AND ")
    )


def page() -> str:
    """The content of `docs/licences.md`."""
    found = {package: licence_of(package) for package in packages()}
    lines = [f"| {package} | {licence} |" for package, licence in sorted(found.items())]
    return _PAGE.format(allowed=", ".join(sorted(ALLOWED)), lines="\n".join(lines))
