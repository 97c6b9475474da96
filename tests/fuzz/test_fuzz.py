"""Bearer tokens, callbacks, Event Grid's bodies, segments of paths and headers of any kind.

Hypothesis writes them, the same in each run; FUZZ_EXAMPLES=5000 searches for longer, as does
--soak. The functions run in this process, from where the platform hands a request over.
"""

import base64
import os
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.fuzzed_app import (
    AUDIENCE,
    GRID_HEADERS,
    ISSUER,
    Fuzzed,
    acs_headers,
    ask,
    bearer,
    event,
    functions,
    grid_event,
    packed,
    signed,
)
from tests.support.world import searching

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
LONG = [EXAMPLES, pytest.param(25 * EXAMPLES, marks=pytest.mark.soak)]

pytestmark = [
    pytest.mark.usefixtures("no_pauses"),
    pytest.mark.timeout(0 if EXAMPLES > 100 else 240),
]

# The texts that HTTP can carry: header values are latin-1, and the platform decodes paths.
header_texts = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=200)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda parts: (
        st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=12), parts, max_size=4)
    ),
    max_leaves=12,
)
# Statuses that a caller, a sender or the platform can do something with.
UNDERSTOOD = {200, 201, 202, 204, 400, 401, 403, 404, 409, 411, 413, 415, 429, 501, 502, 503}


def check(statuses: list[int]) -> None:
    assert set(statuses) <= UNDERSTOOD, statuses


def search(fuzzed: Fuzzed, examples: int, strategy: st.SearchStrategy[Any], send: Any) -> None:
    """Send what Hypothesis draws, and see that each answer is one that is understood."""

    @searching(examples)
    @given(strategy)
    def run(drawn: Any) -> None:
        check(fuzzed.answered(send(drawn)))

    run()


def part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


claim_names = ("iss", "aud", "sub", "name", "roles", "exp", "iat", "nbf", "oid", "tid", "scp")
claims = st.dictionaries(st.sampled_from(claim_names), values | st.just(ISSUER), max_size=4)
jose = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), values, max_size=3)
raw_tokens = st.builds(
    lambda header, payload, rest: f"{part(packed(header))}.{part(packed(payload))}.{rest}",
    jose | st.just({"alg": "RS256", "kid": "k"}),
    values | st.builds(lambda told: {"iss": ISSUER, "aud": AUDIENCE, **told}, claims),
    st.text("abc-_.=", max_size=9),
)


def really_signed(told: dict[str, Any]) -> str:
    """A token of the issuer with any claims, as far as they can be told in JSON."""
    try:
        return signed(**told)
    except (TypeError, ValueError, jwt.PyJWTError):
        return part(packed(told))


tokens = st.one_of(
    header_texts, raw_tokens, st.builds(really_signed, claims), st.just("." * 1000), st.just("e30.")
)
schemes = st.sampled_from(["Bearer ", "bearer ", "Bearer  ", "", "Basic "])


@pytest.mark.parametrize("examples", LONG)
def test_any_bearer_token_is_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    one = functions()["getUser"]
    authorization = st.builds(str.__add__, schemes, tokens)
    search(fuzzed, examples, authorization, lambda text: ask(one, headers={"authorization": text}))


@pytest.mark.parametrize("examples", LONG)
def test_any_principal_of_the_platform_is_understood(fuzzed: Fuzzed, examples: int) -> None:
    one = functions()["getUser"]
    entries = st.lists(
        st.dictionaries(st.sampled_from(["typ", "val"]), st.sampled_from(claim_names) | values)
    )
    principals = st.one_of(
        header_texts,
        st.builds(
            lambda content: base64.b64encode(packed(content)).decode(),
            values | st.fixed_dictionaries({"claims": entries | values}),
        ),
    )
    search(
        fuzzed, examples, principals, lambda text: ask(one, headers={"x-ms-client-principal": text})
    )


def changed(told: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An event some of whose fields, or those of its data, hold anything."""
    data = told["data"]
    inside = st.dictionaries(st.sampled_from(sorted(data)), values, max_size=2)
    outside = st.dictionaries(st.sampled_from(sorted(told)), values, max_size=1)
    return st.builds(lambda a, b: {**told, "data": {**data, **a}, **b}, inside, outside)


acs_events = changed(
    event(
        serverCallId="x", operationContext="x", resultInformation={"code": 1, "subCode": 2},
        dtmfResult={"tones": ["one"]}, recordingId="x", state="active",
    )
)  # fmt: skip
grid_events = st.one_of(
    changed(grid_event()),
    changed(grid_event("RecordingFileStatusUpdated", recordingStorageInfo={"recordingChunks": []})),
    changed({**grid_event(validationCode="x"), "eventType": "Microsoft.EventGrid.Subscription"
             "ValidationEvent"}),
)  # fmt: skip


def bodies(events: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=200),
        values.map(packed),
        st.lists(events | values, max_size=4).map(packed),
        st.builds(lambda some, cut: packed(some)[:cut], st.lists(events), st.integers(0, 300)),
    )


@pytest.mark.parametrize("examples", LONG)
def test_any_callback_of_acs_is_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    one = functions()["applyEvents"]
    search(
        fuzzed,
        examples,
        bodies(acs_events),
        lambda body: ask(one, headers=acs_headers(), body=body),
    )


@pytest.mark.parametrize("examples", LONG)
def test_any_delivery_of_event_grid_is_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    one = functions()["handleEvents"]
    search(
        fuzzed,
        examples,
        bodies(grid_events),
        lambda body: ask(one, headers=GRID_HEADERS, body=body),
    )


segments = st.one_of(
    st.text(st.characters(exclude_characters="/"), min_size=1, max_size=80),
    st.text("0123456789abcdef", min_size=30, max_size=66),
    st.binary(max_size=300).map(lambda content: "~" + part(content)),
    st.sampled_from(["~", "~~", ".", "..", "~Lg", "%2F", "*", "\0", "'", "x" * 10_000]),
)
WITH_SEGMENTS = sorted(name for name, one in functions().items() if one.parameters)


@pytest.mark.parametrize("examples", LONG)
def test_any_segment_of_any_path_is_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    named = st.tuples(st.sampled_from(WITH_SEGMENTS), segments, st.sampled_from([b"", b"{}"]))
    headers = {**bearer(), "content-type": "application/json", "idempotency-key": "x"}

    def send(drawn: tuple[str, str, bytes]) -> Any:
        one = functions()[drawn[0]]
        route = dict.fromkeys(one.parameters, drawn[1])
        proof = acs_headers() if one.id == "applyEvents" else {}
        return ask(one, headers={**headers, **proof}, route=route, body=drawn[2])

    search(fuzzed, 2 * examples, named, send)


HEADERS = (
    "accept", "content-type", "content-encoding", "transfer-encoding", "idempotency-key",
    "teams-user-aad-token", "if-none-match", "accept-encoding", "x-event-grid-key",
)  # fmt: skip
accepts = st.lists(
    st.sampled_from(["text/calendar", "*/*", ";q=", "0.5", "1.0000", ",", "q", "/", ";;", "=\t"])
).map("".join)
some_headers = st.dictionaries(st.sampled_from(HEADERS), header_texts | accepts, max_size=4)


@pytest.mark.parametrize("examples", LONG)
def test_any_headers_are_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    known = bearer()

    def send(drawn: tuple[str, dict[str, str], bytes, str]) -> Any:
        name, headers, body, query = drawn
        return ask(functions()[name], headers={**known, **headers}, body=body, query=query)

    queries = st.sampled_from(
        ["", "?", "?page=x", "?%FF=%00", "?a&a&b=%u", "?scope=,,", "?space=%0A"]
    )
    sent = st.tuples(
        st.sampled_from(sorted(functions())), some_headers, st.sampled_from([b"", b"{}"]), queries
    )
    search(fuzzed, 2 * examples, sent, send)


@pytest.mark.parametrize("examples", LONG)
def test_any_json_in_any_body_is_understood_or_refused(fuzzed: Fuzzed, examples: int) -> None:
    known = {**bearer(), "content-type": "application/json", "idempotency-key": "x"}
    with_body = sorted(name for name, one in functions().items() if one.method in ("post", "put"))
    fields = st.sampled_from(
        ["to", "groupId", "audience", "users", "friends", "space", "title", "user", "phoneNumber",
         "url", "text", "voice", "scopes", "startsAt", "endsAt", "displayName", "action", "from",
         "maxTones", "joinWebUrl", "externalId", "subject", "expiresInMinutes"]
    )  # fmt: skip
    told = st.dictionaries(fields, values | st.dictionaries(fields, values, max_size=3), max_size=5)
    search(
        fuzzed,
        2 * examples,
        st.tuples(st.sampled_from(with_body), told),
        lambda drawn: ask(functions()[drawn[0]], headers=known, body=packed(drawn[1])),
    )


def test_what_is_right_is_let_in(fuzzed: Fuzzed) -> None:
    """So the refusals above have no other reason."""
    statuses = fuzzed.answered(
        ask(functions()["getUser"], headers=bearer()),
        ask(functions()["applyEvents"], headers=acs_headers(), body=packed([event()])),
        ask(functions()["handleEvents"], headers=GRID_HEADERS, body=packed([grid_event()])),
    )

    assert statuses == [200, 404, 200]  # there is no such call; and the call is for no bot
