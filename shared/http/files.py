"""Files that are deployed with the app, as answers: clients keep them, and ask if they changed."""

import asyncio
import gzip
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

_NOTHING = re.compile(r"q=0(\.0*)?")


async def stored_file[D: Document](
    path: Path, kind: type[D], request: PublicRequest[Any], headers: Mapping[str, str] | None = None
) -> D | NotModified:
    """The file, or word that the client has it already.

    Args:
        path: never made of what a request says.
        headers: of the answer, besides those about caching.
    """
    is_packed = _takes_gzip(request.headers.get("accept-encoding", ""))
    content, etag = await asyncio.to_thread(_read, path, is_packed=is_packed)
    told = {"Cache-Control": "public, no-cache", "ETag": etag, "Vary": "Accept-Encoding"}
    told |= {**(headers or {}), **({"Content-Encoding": "gzip"} if is_packed else {})}
    known = request.headers.get(IF_NONE_MATCH.name.lower(), "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return NotModified(told)
    return kind(content, told)


@cache
def _read(path: Path, *, is_packed: bool) -> tuple[bytes, str]:
    """The file's bytes as they are sent, and what names them: made once in the life of a process.

    Compressed, the viewer is a quarter as long. Anybody may ask for it as often as they like.
    """
    content = path.read_bytes()
    if is_packed:
        content = gzip.compress(content, mtime=0)
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not with a weight of nothing."""
    codings = (coding.replace(" ", "").lower().partition(";") for coding in accepted.split(","))
    return any(name == "gzip" and not _NOTHING.fullmatch(weight) for name, _, weight in codings)
