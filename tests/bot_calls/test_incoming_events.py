"""The content of Event Grid's events is not trusted."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.bot_calls.event_grid import RingingCall, read_grid_events
from shared.problems import InvalidRequest


def user(raw_id: str) -> dict[str, Any]:
    return {"kind": "communicationUser", "rawId": raw_id, "communicationUser": {"id": raw_id}}


CALL = {
    "id": "e",
    "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Communication/x/y",
    "subject": "/caller/8:acs:a/recipient/8:acs:b",
    "eventType": "Microsoft.Communication.IncomingCall",
    "dataVersion": "1.0",
    "metadataVersion": "1",
    "eventTime": "2026-01-01T12:00:00.2415391Z",
    "data": {
        "to": user("8:acs:b"),
        "from": user("8:acs:a"),
        "serverCallId": "s",
        "callerDisplayName": "Alice",
        "incomingCallContext": "secret",
        "correlationId": "c",
        "customContext": {"voipHeaders": {}, "novelty": [1]},
    },
}


def read(event: dict[str, Any]) -> Any:
    [found] = read_grid_events(json.dumps([event]).encode())
    return found


def test_a_call_that_rings_is_read() -> None:
    found = read(CALL).ringing

    since = datetime(2026, 1, 1, 12, 0, 0, 241539, tzinfo=UTC)
    assert found == RingingCall("8:acs:b", "8:acs:a", "secret", since)
    assert "secret" not in repr(found)
    assert read(CALL).validation_code is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        None,
        7,
        [],
        {**CALL["data"], "to": None},  # type: ignore[dict-item]
        {**CALL["data"], "to": {"rawId": "8:acs:\n"}},  # type: ignore[dict-item]
        {**CALL["data"], "from": {"rawId": "x" * 300}},  # type: ignore[dict-item]
        {**CALL["data"], "incomingCallContext": ""},  # type: ignore[dict-item]
        {**CALL["data"], "incomingCallContext": {"a": "b"}},  # type: ignore[dict-item]
    ],
)
def test_a_call_of_an_unknown_shape_is_none(data: object) -> None:
    assert read({**CALL, "data": data}).ringing is None


def test_other_events_are_none() -> None:
    other = read({**CALL, "eventType": "Microsoft.Communication.CallStarted", "data": {"any": 1}})

    assert (other.ringing, other.validation_code) == (None, None)


def test_a_handshake_has_a_code() -> None:
    kind = "Microsoft.EventGrid.SubscriptionValidationEvent"
    data = {"validationCode": "abc", "validationUrl": "https://example.com"}

    assert read({**CALL, "eventType": kind, "data": data}).validation_code == "abc"
    for wrong in ({}, None, {"validationCode": 7}, {"validationCode": "x" * 2000}):
        with pytest.raises(InvalidRequest):
            _ = read({**CALL, "eventType": kind, "data": wrong}).validation_code


def test_an_event_that_cannot_be_read_does_not_keep_the_others_from_it() -> None:
    events = read_grid_events(json.dumps([7, CALL, {**CALL, "eventTime": "yesterday"}]).encode())

    assert [one.ringing is not None for one in events] == [False, True, False]
    assert {one.validation_code for one in events} == {None}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"[1]",
        b"\xff",
        json.dumps(CALL).encode(),
        json.dumps([{**CALL, "eventTime": "yesterday"}]).encode(),
        json.dumps([{**CALL, "eventType": "x" * 2000}]).encode(),
        json.dumps([{name: value for name, value in CALL.items() if name != "eventType"}]).encode(),
        json.dumps([{**CALL, "eventTime": "2026-01-01T12:00:00"}]).encode(),
        json.dumps([CALL] * 101).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_delivery_is_refused_without_detail(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_grid_events(body)

    assert refused.value.faults == ()
