"""Repeatable requests: the same id again gets the same answer and has no second effect.

The headers are those of OASIS Repeatable Requests 1.0. [assumed] An id that comes again with
another request, or with another first-sent date, is refused: the two name one request.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from aiohttp import web

from devstack.acs_emulator.calls.answers import bad_repeatability, repeatability_id_reused
from devstack.emulation.database import Database

ID_HEADER = "Repeatability-Request-ID"
DATE_HEADER = "Repeatability-First-Sent"

SCHEMA = """
CREATE TABLE IF NOT EXISTS repeatable (
    id TEXT PRIMARY KEY,
    asked INTEGER NOT NULL,  -- seconds since 1970
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
"""

type Effect = Callable[[], web.Response]


@dataclass(frozen=True, kw_only=True)
class StoredAnswer:
    """The answer to a repeatable request, and a fingerprint that identifies the request."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes


class Repeatability:
    """Stores the answers to repeatable requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.create(SCHEMA)

    async def once(self, request: web.Request, effect: Effect) -> web.Response:
        """The answer of `effect`, which happens once for all requests with one id.

        If an effect is refused, its changes are undone, so that the request can be sent again.

        Args:
            effect: awaits nothing, so that no repetition can come before the answer is stored.

        Raises:
            AcsError: the headers are wrong, or their id was used for another request.
        """
        id_and_date = _id_and_date(request)
        if id_and_date is None:
            with self._database.transaction():
                return effect()
        request_id, first_sent = id_and_date
        fingerprint = hashlib.sha256(
            "\n".join((request.method, request.path, request_id, first_sent, "")).encode()
            + await request.read()
        ).hexdigest()
        stored = self._find(request_id)
        if stored is not None:
            if stored.fingerprint != fingerprint:
                raise repeatability_id_reused()
            return web.Response(status=stored.status, headers=stored.headers, body=stored.body)
        with self._database.transaction():
            answer = effect()
            body = answer.body
            assert body is None or isinstance(body, bytes)  # noqa: S101  no answer is a stream
            self._add(
                request_id,
                StoredAnswer(
                    fingerprint=fingerprint,
                    status=answer.status,
                    headers=dict(answer.headers),
                    body=body or b"",
                ),
            )
        return answer

    def forget_before(self, then: int) -> None:
        """Delete the answers to requests that came before `then`, in seconds since 1970."""
        self._database.execute("DELETE FROM repeatable WHERE asked < ?", (then,))

    def _find(self, request_id: str) -> StoredAnswer | None:
        row = self._database.execute(
            "SELECT fingerprint, status, headers, body FROM repeatable WHERE id = ?", (request_id,)
        ).fetchone()
        if row is None:
            return None
        fingerprint, status, headers, body = row
        return StoredAnswer(
            fingerprint=fingerprint, status=status, headers=json.loads(headers), body=body
        )

    def _add(self, request_id: str, answer: StoredAnswer) -> None:
        self._database.execute(
            "INSERT INTO repeatable (id, asked, fingerprint, status, headers, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                request_id,
                int(time.time()),
                answer.fingerprint,
                answer.status,
                json.dumps(answer.headers),
                answer.body,
            ),
        )


def _id_and_date(request: web.Request) -> tuple[str, str] | None:
    request_id, first_sent = request.headers.get(ID_HEADER), request.headers.get(DATE_HEADER)
    if request_id is None and first_sent is None:
        return None
    if request_id is None or first_sent is None:
        raise bad_repeatability(f"{ID_HEADER} and {DATE_HEADER} go together.")
    try:
        uuid.UUID(request_id)
        parsedate_to_datetime(first_sent)
    except ValueError:
        message = f"{ID_HEADER} is not a UUID, or {DATE_HEADER} is no date of HTTP."
        raise bad_repeatability(message) from None
    return request_id.lower(), first_sent
