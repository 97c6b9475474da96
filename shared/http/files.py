"""Files that are deployed with the app, as answers: clients keep them, and ask if they changed."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from shared.bodies import Header
from shared.http.answers import Document, NotModified
from shared.http.requests import PublicRequest

IF_NONE_MATCH = Header(
    "If-None-Match", "The `ETag` of what the client has: 304 if it is current.", is_required=False
)

# Seconds: a year, the longest that caches know.
_FOR_EVER = "public, max-age=31536000, immutable"
_HASH_LENGTH = 16
# A name as pages have it, with the hash of the content before its ending: page.0123456789abcdef.js
_HASHED = f"(.+)\\.([0-9a-f]{{{_HASH_LENGTH}}})(\\.[a-z]+)"
_NOTHING = r"q=0(\.0*)?"


async def stored_file[D: Document](
    path: Path,
    kind: type[D],
    request: PublicRequest[Any],
    headers: Mapping[str, str] | None = None,
    *,
    named_hash: str = "",
) -> D | NotModified:
    """The file, or word that the client has it already.

    Args:
        path: never made from a request.
        headers: of the answer, besides those about caching.
        named_hash: the hash in the URL. If it is the file's, caches may keep the answer for ever.
            If not, two versions of the app run for a while, and the file is given as usual.
    """
    is_packed = _takes_gzip(request.headers.get("accept-encoding", ""))
    content, etag = await asyncio.to_thread(_read, path, is_packed=is_packed)
    is_fixed = bool(named_hash) and named_hash == await asyncio.to_thread(content_hash, path)
    caching = _FOR_EVER if is_fixed else "public, no-cache"
    told = {"Cache-Control": caching, "ETag": etag, "Vary": "Accept-Encoding"}
    told |= {**(headers or {}), **({"Content-Encoding": "gzip"} if is_packed else {})}
    known = request.headers.get(IF_NONE_MATCH.name.lower(), "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return NotModified(told)
    return kind(content, told)


def without_hash(name: str) -> tuple[str, str]:
    """The name of a file and the hash, "" for none, that a URL has in one."""
    hashed = re.fullmatch(_HASHED, name)
    return (f"{hashed[1]}{hashed[3]}", hashed[2]) if hashed else (name, "")


@cache
def content_hash(path: Path) -> str:
    """The hash by which a URL names a version of the file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_HASH_LENGTH]


@cache
def _read(path: Path, *, is_packed: bool) -> tuple[bytes, str]:
    """The file's bytes as they are sent, and their hash: made once in the life of a process.

    Compressed, the viewer is a quarter as long. Anybody may ask for it as often as they like.
    """
    content = path.read_bytes()
    if is_packed:
        import gzip

        content = gzip.compress(content, mtime=0)
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip with a weight above 0."""
    codings = (coding.replace(" ", "").lower().partition(";") for coding in accepted.split(","))
    return any(name == "gzip" and not re.fullmatch(_NOTHING, weight) for name, _, weight in codings)
