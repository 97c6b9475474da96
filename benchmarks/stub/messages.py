"""Requests and answers of HTTP, as the stub reads and writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

_AS_JSON = json.JSONEncoder(separators=(",", ":"))
_LENGTH = "\r\ncontent-length:"


@dataclass(frozen=True, slots=True)
class Request:
    """
    Attributes:
        path: percent-encoded.
        headers: by name in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> bytes:
        """The answer as it is sent."""
        headers = {"Content-Type": "application/json", **self.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reason = HTTPStatus(self.status).phrase
        head = f"HTTP/1.1 {self.status} {reason}\r\nContent-Length: {len(self.body)}\r\n{lines}\r\n"
        return head.encode() + self.body


def json_answer(content: Any, status: int = 200) -> Answer:
    return Answer(status, compact_json(content))


def compact_json(content: Any) -> bytes:
    """Without spaces."""
    return _AS_JSON.encode(content).encode()


def first_request(received: bytes) -> tuple[Request | None, bytes]:
    """The first request in the bytes that have come over a connection, and the remaining bytes;
    None if the request is not complete yet. Bodies have a length: the measures send none in
    chunks."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None, received
    head = received[:end].decode("latin-1")
    at = head.lower().find(_LENGTH)
    length = int(head[at + len(_LENGTH) :].split("\r\n", 1)[0]) if at >= 0 else 0
    begin = end + 4
    if len(received) < begin + length:
        return None, received
    first_line, _, lines = head.partition("\r\n")
    method, target, _ = first_line.split(" ", 2)
    path, _, query = target.partition("?")
    pairs = (line.partition(":") for line in lines.split("\r\n"))
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    request = Request(method, path, query, headers, received[begin : begin + length])
    return request, received[begin + length :]
