"""The largest requests that are accepted, made as expensive as possible: at most 50 ms of CPU each.

The tests measure the CPU time of this process, not how long a request takes. A busy machine makes
it more and never less, so the least of some measurements counts.
"""

import base64
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from shared.bounds import BEARER_TOKEN
from shared.http.requests import MAX_CALLBACK_BYTES
from tests.fuzz.fuzzed_app import (
    GRID_HEADERS,
    Fuzzed,
    acs_headers,
    ask,
    bearer,
    event,
    functions,
    grid_event,
    packed,
)

CPU_SECONDS, ATTEMPTS = 0.05, 8
KIB = 1024
SENT = {"content-type": "application/json", "idempotency-key": "x"}


@pytest.fixture(scope="module", autouse=True)
def nothing_of_others_is_collected() -> Iterator[None]:
    """What all tests have loaded would be looked at for each request, for half a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def filled(pattern: bytes, size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """A body of a size, full of a pattern; mostly no JSON any more where it is cut."""
    room = size - len(before) - len(after)
    return before + (pattern * (room // len(pattern) + 1))[:room] + after


# For each size, the contents that cost a parser or a validator the most for each byte.
JSON_SHAPES: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda size: filled(b"[", size),
    "braces": lambda size: filled(b'{"a":', size),
    "empty objects": lambda size: filled(b"{},", size - 2, b"[", b"{}]"),
    "empty lists": lambda size: filled(b"[],", size - 3, b'{"a":[', b"[]]}"),
    "digits": lambda size: filled(b"9", size, b'{"a":', b"}"),
    "numbers": lambda size: filled(b"1,", size // 2 * 2 - 8, b'{"a":[', b"1]}"),
    "exponents": lambda size: filled(b"1e9999,", size // 7 * 7, b'{"a":[', b"1]}"),
    "escapes": lambda size: filled(b"\\ud83d\\ude00", size // 12 * 12 - 12, b'{"a":"', b'"}'),
    "halves of escapes": lambda size: filled(b"\\ud83d", size // 6 * 6 - 12, b'{"a":"', b'"}'),
    "keys": lambda size: b"{" + b",".join(b'"%d":1' % n for n in range(size // 10)) + b"}",
    "one key": lambda size: filled(b'"to":1,', size // 7 * 7 - 7, b"{", b'"to":1}'),
    "no text": lambda size: filled(b"\xff", size),
    "spaces": lambda size: filled(b" ", size, b"{}"),
}


# What costs less than these by far is left to --soak.
CHEAP = {"brackets", "braces", "no text", "spaces", "halves of escapes", "empty objects"}


def chosen(shapes: Iterable[str]) -> list[Any]:
    return [
        pytest.param(name, marks=pytest.mark.soak) if name in CHEAP else name for name in shapes
    ]


def cost(fuzzed: Fuzzed, make: Callable[[], Any]) -> tuple[float, set[int]]:
    """CPU seconds of one request, the least of some; and what they were answered.

    It ends once a request took less than it may: what comes after that shows nothing more.
    """
    statuses = set(fuzzed.answered(make()))  # builds, and loads, what is used for the first time
    least = float("inf")
    for _ in range(ATTEMPTS):
        gc.collect()
        began = time.process_time()
        statuses |= set(fuzzed.answered(make()))
        least = min(least, time.process_time() - began)
        if least < CPU_SECONDS:
            break
    return least, statuses


def check(fuzzed: Fuzzed, make: Callable[[], Any]) -> None:
    seconds, statuses = cost(fuzzed, make)

    assert seconds < CPU_SECONDS
    assert statuses <= {200, 400, 401, 404, 413}


# Those with the largest bodies of each package: the others have 16 KiB. The largest is enough for
# the default run.
LARGE = {"shareGroupCall": 1100, "placeCall": 160, "collectTones": 72, "registerBot": 16}
LARGER = [
    name if name == "shareGroupCall" else pytest.param(name, marks=pytest.mark.soak)
    for name in LARGE
]


@pytest.mark.parametrize("name", LARGER)
@pytest.mark.parametrize("shape", chosen(JSON_SHAPES))
def test_a_body_that_is_as_large_as_it_may_be_costs_little(
    fuzzed: Fuzzed, name: str, shape: str
) -> None:
    one, body = functions()[name], JSON_SHAPES[shape](LARGE[name] * KIB)
    headers = {**bearer(), **SENT}

    check(fuzzed, lambda: ask(one, headers=headers, body=body))


def test_a_body_that_is_larger_is_not_read(fuzzed: Fuzzed) -> None:
    one, body = functions()["shareGroupCall"], filled(b"[", 20 * KIB * KIB)
    headers = {**bearer(), **SENT}

    seconds, statuses = cost(fuzzed, lambda: ask(one, headers=headers, body=body))

    assert (seconds < CPU_SECONDS, statuses) == (True, {413})


def events_of(told: dict[str, Any], size: int) -> bytes:
    """As many events as have room."""
    one = packed(told)
    return b"[" + b",".join([one] * (size // (len(one) + 1) - 1)) + b"]"


PARTICIPANT = {"identifier": {"rawId": "8:acs:" + "x" * 30}, "isMuted": True}
CALLBACKS: dict[str, Callable[[int], bytes]] = {
    **JSON_SHAPES,
    "events": lambda size: events_of(event(), size),
    "participants": lambda size: packed([event(participants=[PARTICIPANT] * (size // 90))]),
    "unreadable": lambda size: events_of({"id": "", "data": 1}, size),
    "tones": lambda size: packed([event(dtmfResult={"tones": ["one"] * (size // 7)})]),
}
DELIVERIES: dict[str, Callable[[int], bytes]] = {
    **JSON_SHAPES,
    "events": lambda size: events_of(grid_event(), size),
    "unreadable": lambda size: events_of({"id": "", "data": 1}, size),
    "subject": lambda size: packed([{**grid_event(), "subject": "/recordingId/" * (size // 14)}]),
}


@pytest.mark.parametrize("shape", chosen(CALLBACKS))
def test_a_callback_of_any_shape_costs_little(fuzzed: Fuzzed, shape: str) -> None:
    one, body = functions()["applyEvents"], CALLBACKS[shape](MAX_CALLBACK_BYTES)

    check(fuzzed, lambda: ask(one, headers=acs_headers(), body=body))


@pytest.mark.parametrize("shape", chosen(DELIVERIES))
def test_a_delivery_of_event_grid_of_any_shape_costs_little(fuzzed: Fuzzed, shape: str) -> None:
    one, body = functions()["handleEvents"], DELIVERIES[shape](MAX_CALLBACK_BYTES)

    check(fuzzed, lambda: ask(one, headers=GRID_HEADERS, body=body))


def coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token_of(header: bytes, payload: bytes) -> str:
    """As long as a token may be."""
    text = f"{coded(header)}.{coded(payload)}."
    return text + "A" * (BEARER_TOKEN.number - len(text))


ROOM = BEARER_TOKEN.number * 3 // 4 - 200
JOSE = b'{"alg":"RS256","kid":"k"}'
TOKENS = {
    "dots": "." * BEARER_TOKEN.number,
    "spaces": "x" + " " * (BEARER_TOKEN.number - 2) + "x",
    "commas": "," * BEARER_TOKEN.number,
    "header": token_of(filled(b"[", ROOM), b"{}"),
    "payload": token_of(JOSE, filled(b'{"a":', ROOM)),
    "digits": token_of(JOSE, filled(b"9", ROOM, b'{"exp":', b"}")),
    "keys": token_of(JOSE, JSON_SHAPES["keys"](ROOM)),
    "signature": token_of(JOSE, b'{"iss":"https://issuer.example"}'),
    "larger": "x" * (KIB * KIB),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_of_any_shape_costs_little(fuzzed: Fuzzed, name: str) -> None:
    headers = {"authorization": f"Bearer {TOKENS[name]}"}

    check(fuzzed, lambda: ask(functions()["getUser"], headers=headers))


PRINCIPALS = {
    "brackets": filled(b"[", 48 * KIB),
    "claims": packed({"claims": [{"typ": f"{n}", "val": "x"} for n in range(1500)]}),
    "one claim": packed({"claims": [{"typ": "roles", "val": "x"}] * 1500}),
    "digits": filled(b"9", 48 * KIB, b'{"claims":', b"}"),
}


@pytest.mark.parametrize("name", PRINCIPALS)
def test_a_principal_of_the_platform_costs_little(fuzzed: Fuzzed, name: str) -> None:
    headers = {"x-ms-client-principal": base64.b64encode(PRINCIPALS[name]).decode()}

    check(fuzzed, lambda: ask(functions()["getUser"], headers=headers))


RARE = [
    pytest.param(name, marks=pytest.mark.soak)
    for name in ("accept", "idempotency-key", "content-type")
]
# As large as the platform lets a header, or a path with a query, be: 64 KiB in all.
TEXTS = {"x": "x", "tilde": "~", "commas": ",", "weights": ";q=0.5", "percent": "%", "and": "&"}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("where", ["path", "query", *RARE])
def test_a_header_a_path_and_a_query_of_any_shape_cost_little(
    fuzzed: Fuzzed, where: str, name: str
) -> None:
    text = TEXTS[name] * (64 * KIB // len(TEXTS[name]))
    one = functions()["openInvitation"]
    headers, route, query = bearer(), {"id": "x"}, ""
    match where:
        case "path":
            route = {"id": text}
        case "query":
            query = f"?{text}"
        case _:
            headers |= {where: text}

    check(fuzzed, lambda: ask(one, headers=headers, route=route, query=query))
