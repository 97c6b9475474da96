"""Files that are deployed with the app, as answers: clients keep them, and ask if they changed."""

import asyncio
import hashlib
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


async def stored_file[D: Document](
    path: Path, kind: type[D], request: PublicRequest[Any], headers: Mapping[str, str] | None = None
) -> D | NotModified:
    """The file, or word that the client has it already.

    Args:
        path: never made of what a request says.
        headers: of the answer, besides those about caching.
    """
    content, etag = await asyncio.to_thread(_read, path)
    told = {"Cache-Control": "public, no-cache", "ETag": etag, **(headers or {})}
    known = request.headers.get(IF_NONE_MATCH.name.lower(), "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return NotModified(told)
    return kind(content, told)


@cache
def _read(path: Path) -> tuple[bytes, str]:
    """The file's bytes, and what names them: read once in the life of a process."""
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
