"""How requests are read: the body of a stranger is never parsed, and no body costs more than its
limit."""

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import sentinel

import azure.functions as func
import pytest
from pydantic import ConfigDict

import Health
from shared.bodies import Body, Query
from shared.calls.contract import CallBody, PlayBody, TonesBody
from shared.http.requests import read_request
from shared.identity.contract import TokenBody, TokenQuery
from shared.problems import BodyEncoded, BodyTooLarge, InvalidRequest, LengthRequired
from shared.sharing.contract import GroupCallBody
from shared.sharing.rows import MOST_INVITEES

CONTEXT: Any = SimpleNamespace(function_name="Health", invocation_id="1")
# A character outside the Basic Multilingual Plane: 12 bytes where JSON escapes it.
WIDE = "\N{GRINNING FACE}"


class UnreadRequest(func.HttpRequest):
    """Code that asks for its body fails."""

    def get_body(self) -> bytes:
        raise AssertionError("the body was read")


def request(content: object, query: str = "", **headers: str) -> func.HttpRequest:
    """As the platform hands it over, but without any parameters."""
    return func.HttpRequest(
        "POST",
        f"http://127.0.0.1/api/x{query}",
        headers={"content-type": "application/json", **headers},
        body=content if isinstance(content, bytes) else json.dumps(content).encode(),
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_public_route_reads_no_body(method: str) -> None:
    unread = UnreadRequest(method, "http://127.0.0.1/api/health", body=sentinel.body)

    answer = await Health.main(unread, CONTEXT)

    assert answer.status_code == 200
    assert answer.get_body() == (b'{"status":"ok"}' if method == "GET" else b"")


@pytest.mark.parametrize("probe", ["live", "ready!"])
async def test_head_has_the_status_of_get_and_no_body(probe: str) -> None:
    asked = func.HttpRequest(
        "HEAD", "http://127.0.0.1/api/health", route_params={"probe": probe}, body=b""
    )

    answer = await Health.main(asked, CONTEXT)

    assert (answer.status_code, answer.get_body()) == (404, b"")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "content",
    [
        {f"field {n}": n for n in range(1001)},
        {"audience": {"users": [0] * 200_000}},
        {"audience": {"users": [{}] * 200_000}},
        {"audience": {"friends": [[]] * 200_000}},
        {"audience": {"users": [{f"field {n}": n for n in range(20)} for _ in range(60)]}},
    ],
    ids=["fields", "numbers", "objects", "lists", "fields of objects in a list"],
)
def test_a_body_of_very_many_values_is_counted_and_not_validated(content: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(request(content), Query, GroupCallBody)

    assert [(fault.where, fault.message) for fault in caught.value.faults] == [
        ("body", "has more than 1000 values")
    ]


def test_a_large_body_that_is_no_json_says_so() -> None:
    with pytest.raises(InvalidRequest, match="Invalid JSON"):
        read_request(request(b"[" * 8000), Query, Body)


@pytest.mark.parametrize(
    "query", ["?" + "&".join(f"p{n}=1" for n in range(101)), "?" + "p=1&" * 20_000]
)
def test_a_query_of_very_many_parameters_is_not_validated(query: str) -> None:
    with pytest.raises(InvalidRequest, match="more than 100 parameters"):
        read_request(request({}, query), Query, Body)


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("", {}),
        ("?", {}),
        ("?state=", {"state": ""}),
        ("?state", {"state": ""}),
        ("?state=a&state=b%2Cc&state=", {"state": "a,b,c,"}),
        ("?state=%C3%A9+%26&State=x", {"state": "é &", "State": "x"}),
    ],
)
def test_the_query_is_read_from_the_url(query: str, read: dict[str, str]) -> None:
    class Anything(Query):
        model_config = ConfigDict(extra="allow")

    found, _ = read_request(request({}, query), Anything, Body)

    assert found.model_dump() == read


@pytest.mark.parametrize("coding", ["gzip", "identity, br", "x-y", " GZIP "])
def test_a_compressed_body_is_refused_as_what_it_is(coding: str) -> None:
    with pytest.raises(BodyEncoded) as caught:
        read_request(request(b"\x1f\x8b", **{"content-encoding": coding}), Query, Body)

    assert caught.value.status == 415


@pytest.mark.parametrize("coding", ["", "identity", "Identity, identity"])
def test_a_body_that_is_sent_as_it_is_may_say_so(coding: str) -> None:
    read_request(request({}, **{"content-encoding": coding}), Query, Body)


def test_a_body_that_the_platform_kept_because_it_came_in_chunks_is_not_taken_for_none() -> None:
    with pytest.raises(LengthRequired) as caught:
        read_request(request(b"", **{"transfer-encoding": "chunked"}), Query, Body)

    assert caught.value.status == 411


@pytest.mark.parametrize("character", [WIDE, "[", '"'])
def test_as_many_ids_as_a_call_holds_fit_whatever_their_characters(character: str) -> None:
    ids = [f"{n:04}" + character * 252 for n in range(MOST_INVITEES)]
    body = {"groupId": "acde0000-0000-4000-8000-0000000ca2aa", "audience": {"users": ids}}
    _, read = read_request(request(body), Query, GroupCallBody)

    assert read.audience.users == ids


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (CallBody, {"to": [{"user": WIDE * 256}] * 50}),
        (CallBody, {"to": [{"user": "x" * 99, "bot": None, "phoneNumber": None}] * 50}),
        (PlayBody, {"text": WIDE * 5000, "voice": "en-US-JennyNeural"}),
    ],
)
def test_the_longest_valid_body_of_a_route_fits(body: type[Body], content: object) -> None:
    read_request(request(content), Query, body)


@pytest.mark.parametrize("body", [Body, CallBody, PlayBody, GroupCallBody])
def test_a_body_over_its_routes_limit_is_not_parsed(body: type[Body]) -> None:
    with pytest.raises(BodyTooLarge, match=str(body.max_bytes)):
        read_request(request(b" " * (body.max_bytes + 1)), Query, body)


@pytest.mark.parametrize("sent", ["60", "60.0", "6e1"])
def test_a_whole_number_is_one_however_json_writes_it(sent: str) -> None:
    raw = f'{{"expiresInMinutes": {sent}}}'.encode()

    _, read = read_request(request(raw), Query, TokenBody)

    assert read.expires_in_minutes == 60
    for part in ("60.5", '"60"', "true", "1e400"):
        with pytest.raises(InvalidRequest):
            read_request(request(raw.replace(sent.encode(), part.encode())), Query, TokenBody)


@pytest.mark.parametrize(
    ("body", "content", "field", "known"),
    [
        (GroupCallBody, {"group": 1}, "group", "audience, endsAt, groupId, startsAt, title"),
        (GroupCallBody, {"audience": {"user": []}}, "audience.user", "friends, space, users"),
        (CallBody, {"to": [{"user": "x"}, {"usr": "x"}]}, "to.1.usr", "bot, phoneNumber, user"),
        (TonesBody, {"from": {"tel": "1"}}, "from.tel", "bot, phoneNumber, user"),
        (TonesBody, {"prompt": {"audio": "x"}}, "prompt.audio", "text, url, voice"),
        (TonesBody, {"max": 1}, "max", "firstWithinSeconds, from, maxTones"),
        (Body, {"x": 1}, "x", "none"),
    ],
)
def test_who_sends_an_unknown_field_is_told_the_known_ones(
    body: type[Body], content: object, field: str, known: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(request(content), Query, body)

    [message] = [fault.message for fault in caught.value.faults if fault.field == field]
    assert message.startswith(f"is unknown here; known: {known}")


@pytest.mark.parametrize(
    ("query", "known"), [(TokenQuery, "expiresInMinutes, scope"), (Query, "none")]
)
def test_who_sends_an_unknown_parameter_is_told_the_known_ones(
    query: type[Query], known: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(request({}, "?scopes=voip"), query, Body)

    [fault] = caught.value.faults
    assert (fault.where, fault.field) == ("query", "scopes")
    assert fault.message == f"is unknown here; known: {known}"
