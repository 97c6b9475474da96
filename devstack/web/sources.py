"""The files that a page is made from, and whether the built page is made from them."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.files import ROOT

WEB = ROOT / "web"
STAMP = ".stamp"

# In `web/`, but no source of the page.
_NO_SOURCES = {"node_modules", "dist", "tests", "README.md", "schema.d.ts"}


@dataclass(frozen=True)
class Addresses:
    """Where the page's services are. They are written into it, and into its policy."""

    api: str
    issuer: str
    calling: str  # the WebSocket of the calling plane, or "acs"

    def environment(self) -> dict[str, str]:
        """As `web/policy.ts` reads them."""
        return {"PAGE_API": self.api, "PAGE_ISSUER": self.issuer, "PAGE_CALLING": self.calling}


def fingerprint(addresses: Addresses, web: Path = WEB) -> str:
    """A hash of everything that the page is made from."""
    digest = hashlib.sha256(json.dumps(addresses.environment()).encode())
    for path in _sources(web):
        digest.update(f"\0{path.relative_to(web)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_current(page: Path, addresses: Addresses) -> bool:
    """Whether the folder holds a whole page, made from what is there now.

    The stamp is written last: a page that somebody was making has none.
    """
    try:
        return (page / STAMP).read_text("ascii") == fingerprint(addresses)
    except OSError:
        return False


def environment_of(addresses: Addresses, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build, with these addresses in place of any exported ones."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PAGE_")}
    return kept | addresses.environment()


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in _NO_SOURCES or path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path
