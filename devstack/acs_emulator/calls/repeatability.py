"""Repeatable requests: the same id again gets the same answer and has no second effect.

The headers are those of OASIS Repeatable Requests 1.0. [assumed] An id that comes again with
another request, or with another first-sent date, is refused: the pair names one request.
"""

import hashlib
import time
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from aiohttp import web

from devstack.acs_emulator.calls.answers import bad_repeatability, repeated_otherwise
from devstack.acs_emulator.calls.store import CallState, StoredAnswer

ID_HEADER = "Repeatability-Request-ID"
DATE_HEADER = "Repeatability-First-Sent"

type Effect = Callable[[], web.Response]


class Repeatability:
    def __init__(self, state: CallState) -> None:
        self._state = state

    async def once(self, request: web.Request, effect: Effect) -> web.Response:
        """The answer of `effect`, which happens once for all requests with one id.

        An effect that is refused is forgotten with its changes, so that it can be tried again.

        Args:
            effect: awaits nothing, so that a repeat that comes meanwhile finds it done.

        Raises:
            AcsError: the headers are wrong, or name another request.
        """
        named = _id_and_date(request)
        if named is None:
            with self._state.together():
                return effect()
        fingerprint = hashlib.sha256(
            "\n".join((request.method, request.path, *named, "")).encode() + await request.read()
        ).hexdigest()
        known = self._state.find_answer(named[0])
        if known is not None:
            if known.fingerprint != fingerprint:
                raise repeated_otherwise()
            return web.Response(status=known.status, headers=known.headers, body=known.body)
        with self._state.together():
            answer = effect()
            body = answer.body
            assert body is None or isinstance(body, bytes)  # noqa: S101  all answers are whole
            stored = StoredAnswer(
                fingerprint=fingerprint,
                status=answer.status,
                headers=dict(answer.headers),
                body=body or b"",
            )
            self._state.add_answer(named[0], stored, now=int(time.time()))
        return answer


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
