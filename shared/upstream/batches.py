"""Several requests that are done together or not at all: the change set of an OData batch.

As the Table service has it ("Performing entity group transactions"): one request whose body is
MIME, with the requests inside, and one answer whose body has their answers.
"""

import itertools
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from multidict import CIMultiDict

from shared.upstream.failures import Unreadable
from shared.upstream.signing import Request
from shared.upstream.wire import Answer, Wire, failure_of

# An answer to a batch has one to a change set, which has those to its requests.
_DEPTH = 2
_STATUS = "[2-5][0-9]{2}"
_BOUNDARY = '(?i:boundary)="?([^";,]+)'


async def send_together(
    wire: Wire,
    target: str,
    headers: Mapping[str, str],
    requests: Sequence[Request],
    *,
    seconds: float | None = None,
) -> list[Answer]:
    """Send requests, of which all are done or none.

    Args:
        target: where the service takes batches.
        headers: of the batch; each request has its own, but is not signed.
        requests: at most as many, and as large, as the service takes together.
        seconds: as for `Wire.send`.

    Returns:
        The answer to each request.

    Raises:
        ErrorAnswer: the failure of the request that failed, as if it had been sent alone; or
            that of the batch.
        Unreadable: all may be done or not; the answer does not tell.
        The others of `Wire.send`.
    """
    boundary = secrets.token_hex(16)
    answer = await wire.send(
        "POST",
        target,
        {**headers, "Content-Type": f"multipart/mixed; boundary=batch_{boundary}"},
        _change_set(wire.endpoint, requests, boundary),
        seconds=seconds,
    )
    answers = _answers(answer)
    for failed in (one for one in answers if one.status >= HTTPStatus.MULTIPLE_CHOICES):
        raise failure_of(failed, is_storage=True)
    if len(answers) != len(requests):
        raise Unreadable(answer.status)
    return answers


def _change_set(endpoint: str, requests: Sequence[Request], boundary: str) -> bytes:
    """The body of a batch. Whatever is in it cannot hold `boundary`, which nobody can guess."""
    parts = [
        f"--batch_{boundary}\r\n"
        f"Content-Type: multipart/mixed; boundary=changeset_{boundary}\r\n\r\n".encode()
    ]
    for request in requests:
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        parts.append(
            f"--changeset_{boundary}\r\n"
            "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"{request.method} {endpoint}{request.target} HTTP/1.1\r\n{head}\r\n".encode()
        )
        parts += (request.body, b"\r\n")
    parts.append(f"--changeset_{boundary}--\r\n--batch_{boundary}--\r\n".encode())
    return b"".join(parts)


def _answers(answer: Answer) -> list[Answer]:
    """The answers in the answer to a batch: one for each request, or one alone, which failed."""
    kind = answer.headers.get("Content-Type", "")
    try:
        inside = _inside(kind, answer.content, _DEPTH)
        return list(map(_answer_of, inside))
    except ValueError:
        raise Unreadable(answer.status) from None


def _inside(kind: str, content: bytes, depth: int) -> list[bytes]:
    """The HTTP answers in a body of this type: in its parts, and so many times in theirs (RFC 2046
    section 5.1).

    Python's own parser of MIME takes eight times as long.
    """
    if kind.partition(";")[0].strip().lower() == "application/http":
        return [content]
    boundary = re.search(_BOUNDARY, kind)
    if boundary is None or depth == 0:
        return []
    _, *parts = (b"\r\n" + content).split(b"\r\n--" + boundary[1].encode())
    found = []
    for part in itertools.takewhile(lambda part: not part.startswith(b"--"), parts):
        head, _, inner = part.partition(b"\r\n\r\n")
        kind = _headers(head.decode("latin-1").split("\r\n")).get("Content-Type", "")
        found += _inside(kind, inner, depth - 1)
    return found


def _answer_of(text: bytes) -> Answer:
    """Raises ValueError if it is none."""
    head, _, content = text.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    _, status, _ = first.split(" ", 2)
    if not re.fullmatch(_STATUS, status):
        raise ValueError(status)
    return Answer(int(status), _headers(lines), content)


def _headers(lines: Iterable[str]) -> CIMultiDict[str]:
    pairs = (line.partition(":") for line in lines)
    return CIMultiDict((name, value.strip()) for name, _, value in pairs)
