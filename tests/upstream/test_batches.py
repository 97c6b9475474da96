"""How the answer to a batch is understood, whatever the service, or a gateway in its place,
sends."""

from collections.abc import Mapping

import pytest

from shared.upstream.batches import send_together
from shared.upstream.failures import ErrorAnswer, Unreadable
from shared.upstream.signing import Request
from shared.upstream.wire import Answer, Wire

KIND = "multipart/mixed; boundary=batchresponse_1"
NESTED = "".join(
    f"--in{n:04}\r\nContent-Type: multipart/mixed; boundary=in{n + 1:04}\r\n\r\n"
    for n in range(2000)
).encode()
FIRST = "HTTP/1.1 204 No Content\r\nContent-ID: 1\r\netag: W/\"a: 'b'\"\r\n"
SECOND = "HTTP/1.1 204 No Content\r\nContent-ID: 2\r\n"
BUSY = 'HTTP/1.1 503 Server Busy\r\nRetry-After: 7\r\n\r\n{"odata.error":{"code":"ServerBusy"}}'
TAKEN = "HTTP/1.1 409 Conflict\r\nContent-Type: application/json;charset=utf-8\r\n\r\n{}"


class Answering(Wire):
    """A service that gives one answer, and keeps the body that it was sent."""

    def __init__(self, content: bytes, kind: str = KIND) -> None:
        self.endpoint = "https://acct.table.example.com"
        self.sent = b""
        self._content, self._kind = content, kind

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        seconds: float | None = None,
    ) -> Answer:
        self.sent = body
        return Answer(202, {"Content-Type": self._kind}, self._content)


def answered(*parts: str) -> bytes:
    """As the documentation has it: "Performing entity group transactions"."""
    inside = "".join(
        f"--changesetresponse_2\r\nContent-Type: application/http\r\n"
        f"Content-Transfer-Encoding: binary\r\n\r\n{part}\r\n\r\n"
        for part in parts
    )
    return (
        "--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"
        f"{inside}--changesetresponse_2--\r\n--batchresponse_1--\r\n"
    ).encode()


async def asked(content: bytes, kind: str = KIND) -> list[Answer]:
    requests = [Request("POST", "/t", {"Prefer": "a"}, b"{}"), Request("DELETE", "/t(1)", {}, b"")]
    return await send_together(Answering(content, kind), "/$batch", {}, requests)


async def test_each_request_has_its_answer() -> None:
    first, second = await asked(answered(FIRST, SECOND))

    assert first.status == 204
    assert first.headers["ETag"] == "W/\"a: 'b'\""
    assert "ETag" not in second.headers


@pytest.mark.parametrize("parts", [(TAKEN,), (FIRST, TAKEN), (TAKEN, FIRST, SECOND)])
async def test_the_failure_of_one_is_the_failure_of_all(parts: tuple[str, ...]) -> None:
    with pytest.raises(ErrorAnswer, match="409"):
        await asked(answered(*parts))


async def test_a_failure_inside_tells_what_it_told_alone() -> None:
    with pytest.raises(ErrorAnswer) as failed:
        await asked(answered(BUSY))

    assert failed.value.status == 503
    assert failed.value.retry_after == 7


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", KIND),
        (b"", ""),
        (b"{}", "application/json"),
        (answered(), KIND),
        (answered(FIRST), KIND),
        (answered(FIRST, SECOND, SECOND), KIND),
        (answered(FIRST, SECOND), "multipart/mixed; boundary=another"),
        (answered(FIRST, SECOND), "multipart/mixed"),
        (answered(FIRST, SECOND), "multipart/mixed; boundary=\udcff"),
        (answered(FIRST, SECOND)[:120], KIND),
        (answered(FIRST, ""), KIND),
        (answered(FIRST, "HTTP/1.1"), KIND),
        (answered(FIRST, "HTTP/1.1 many Things"), KIND),
        (answered(FIRST, "HTTP/1.1 \xe9"), KIND),
        (answered(FIRST, "HTTP/1.1 -4 Of Course"), KIND),
        (answered(FIRST, "HTTP/1.1 2_04 No Content"), KIND),
        (answered(FIRST, "HTTP/1.1 100 Continue"), KIND),
        (NESTED, "multipart/mixed; boundary=in0000"),
        (answered(FIRST, SECOND).replace(b"application/http", b"text/html"), KIND),
        (b"\xff\x00" + answered(FIRST, SECOND).replace(b"HTTP/1.1 204", b"\xff\xfe"), KIND),
    ],
)
async def test_an_answer_that_is_not_for_all_operations_leaves_it_open_whether_they_are_done(
    content: bytes, kind: str
) -> None:
    with pytest.raises(Unreadable):
        await asked(content, kind)


async def test_what_is_sent_can_be_told_apart_from_its_boundary() -> None:
    """No text of a client can be like a boundary."""
    requests = [Request("POST", "/t", {}, b"--batch_1--\r\n--changeset_1--\r\n")]
    wire = Answering(answered(FIRST))
    await send_together(wire, "/$batch", {}, requests)
    other = Answering(answered(FIRST))
    await send_together(other, "/$batch", {}, requests)

    begin = wire.sent.partition(b"\r\n")[0]
    assert len(begin) > len(b"--batch_") + 30
    assert begin != other.sent.partition(b"\r\n")[0]
    assert wire.sent.count(begin) == 2
