"""The clients that may use Call Automation, the requests that are refused, and faults on demand."""

import asyncio
import json
from typing import Any

import pytest

from devstack.well_known import ACS_CALLER_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, emulator, issuer, signed_headers
from tests.devstack.acs_emulator.call_fixtures import (
    CALLS_VERSION,
    CONNECTIONS,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    new_call,
    phone,
    receiver,
)
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["calls", "emulator", "issuer", "receiver"]

TARGET = f"{CONNECTIONS}?api-version={CALLS_VERSION}"


def connections(state: dict[str, Any]) -> list[str]:
    return [call["callConnectionId"] for call in state["calls"]]


class TestCredentials:
    async def test_a_bearer_token_is_as_good_as_the_key(
        self, calls: CallsCaller, receiver: Receiver, issuer: TokenIssuer
    ) -> None:
        headers = {
            "Authorization": f"Bearer {issuer.token()}",
            "Content-Type": "application/json",
        }
        body = json.dumps(new_call(receiver, PHONE)).encode()

        assert (await calls.send("POST", TARGET, body, headers=headers)).status == 201

    @pytest.mark.parametrize("credential", ["none", "other key", "other body", "other audience"])
    async def test_without_a_good_one_nothing_is_called(
        self,
        calls: CallsCaller,
        receiver: Receiver,
        emulator: AcsEmulator,
        issuer: TokenIssuer,
        credential: str,
    ) -> None:
        before = await calls.state()
        host = f"127.0.0.1:{emulator.port}"
        body = json.dumps(new_call(receiver, PHONE)).encode()
        headers = {
            "none": {},
            "other key": signed_headers("POST", TARGET, host, body, key="bm90IHRoZSBrZXk="),
            "other body": signed_headers("POST", TARGET, host, b"{}"),
            "other audience": {"Authorization": f"Bearer {issuer.token(aud='elsewhere')}"},
        }[credential]
        headers["Content-Type"] = "application/json"

        refused = await calls.send("POST", TARGET, body, headers=headers)

        assert refused.error[:2] == (401, "Denied")
        assert connections(await calls.state()) == connections(before)

    @pytest.mark.parametrize(
        "path", ["/calling/keys", "/calling/.well-known/acsopenidconfiguration"]
    )
    async def test_keys_are_for_everybody(self, calls: CallsCaller, path: str) -> None:
        assert (await calls.send("GET", path)).status == 200


class TestVersions:
    @pytest.mark.parametrize("version", ["2023-03-06", "2024-09-15", CALLS_VERSION])
    async def test_those_of_the_sdks_are_taken(
        self, calls: CallsCaller, receiver: Receiver, version: str
    ) -> None:
        answer = await calls.ask("POST", "", new_call(receiver, PHONE), version=version)

        assert answer.status == 201
        assert CALLS_VERSION in answer.headers["api-supported-versions"]

    @pytest.mark.parametrize("version", ["2023-10-01", "2022-04-07-preview", ""])
    async def test_others_are_not(
        self, calls: CallsCaller, receiver: Receiver, version: str
    ) -> None:
        refused = await calls.ask("POST", "", new_call(receiver, PHONE), version=version)

        assert refused.error[:2] == (400, "UnsupportedApiVersion")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"callbackUri": None}, "CallbackUri"),
        ({"callbackUri": "http://example.com/events"}, "CallbackUri"),
        ({"callbackUri": "https://user:secret@example.com/events"}, "CallbackUri"),
        ({"callbackUri": "/events"}, "CallbackUri"),
        ({"callbackUri": "ftp://127.0.0.1/events"}, "CallbackUri"),
        ({"callbackUri": "https://[/events"}, "CallbackUri"),
        ({"callbackUri": 7}, "CallbackUri"),
        ({"targets": [None]}, "Targets"),
        ({"targets": None}, "Targets"),
        ({"targets": []}, "Targets"),
        ({"targets": phone()}, "Targets"),
        ({"targets": [phone("4:5550123")]}, "Targets"),
        ({"targets": [{"kind": "phoneNumber"}]}, "Targets"),
        ({"targets": [{"rawId": "carrier-pigeon"}]}, "Targets"),
        ({"sourceCallerIdNumber": None}, "SourceCallerIdNumber"),
        ({"sourceCallerIdNumber": {"value": "+14255550199"}}, "SourceCallerIdNumber"),
        ({"sourceCallerIdNumber": {"value": "alice"}}, "SourceCallerIdNumber"),
        ({"operationContext": ["x"]}, "OperationContext"),
        (
            {"callIntelligenceOptions": {"cognitiveServicesEndpoint": "http://x.example.com"}},
            "CallIntelligenceOptions",
        ),
    ],
)
async def test_the_first_wrong_field_is_named(
    calls: CallsCaller, receiver: Receiver, change: dict[str, Any], field: str
) -> None:
    refused = await calls.ask("POST", "", {**new_call(receiver, PHONE), **change})

    status, code, message, target = refused.error
    assert (status, code, target) == (400, "400", None)
    assert message.startswith(f"The field {field} is invalid.")
    assert refused.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"callbackUri": "https://a/\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
async def test_junk_is_refused(calls: CallsCaller, raw: bytes) -> None:
    for path in ("", ":answer", ":connect"):
        assert (await calls.ask("POST", path, raw=raw)).error[:2] == (400, "400")


async def test_callbacks_may_go_anywhere_by_https(calls: CallsCaller, receiver: Receiver) -> None:
    await calls.far_ends({PHONE: {"answer": "ring"}})
    body = new_call(receiver, PHONE, callbackUri="https://app.example.com/events?code=1")
    await calls.callbacks(hold=True)

    made = await calls.ask("POST", "", body)

    assert made.status == 201
    assert made.json["callbackUri"] == body["callbackUri"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/{}"),
        ("DELETE", "/{}"),
        ("POST", "/{}:terminate"),
        ("GET", "/{}/participants"),
        ("GET", "/{}/participants/4%3A%2B14255550123"),
    ],
)
async def test_a_call_that_is_not_there_is_not_found(
    calls: CallsCaller, method: str, path: str
) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"

    refused = await calls.ask(method, path.format(unknown))

    assert refused.error == (404, "8522", "Call not found.", None)


class TestFaults:
    async def test_a_status_stands_in_for_the_effect(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        before = await calls.state()
        await calls.add_fault(operation="createCall", status=429, retryAfter=2, times=1)

        refused = await calls.ask("POST", "", new_call(receiver, PHONE))

        after = await calls.state()
        assert (refused.status, refused.headers["retry-after"]) == (429, "2")
        # Calls of earlier tests may still change, but no call is added.
        assert connections(after) == connections(before)
        assert after["requests"]["createCall"] == before["requests"]["createCall"] + 1

    async def test_events_may_come_before_the_answer(
        self, calls: CallsCaller, receiver: Receiver
    ) -> None:
        fault = await calls.add_fault(operation="createCall", hold="after")
        creating = asyncio.create_task(calls.place(receiver, PHONE))
        connected = await receiver.event("CallConnected")
        assert not creating.done()

        await calls.inspect("POST", f"faults/{fault}/release")

        assert await creating == connected["data"]["callConnectionId"]

    @pytest.mark.parametrize(
        ("operation", "path"),
        [("addParticipant", "/participants:add"), ("play", ":play"), ("recognize", ":recognize")],
    )
    async def test_every_operation_has_its_own(
        self, calls: CallsCaller, receiver: Receiver, operation: str, path: str
    ) -> None:
        connection = await calls.connected(receiver, PHONE)
        await calls.add_fault(operation=operation, status=503, times=1)

        assert (await calls.ask("POST", f"/{connection}{path}", {})).status == 503
        assert (await calls.ask("POST", f"/{connection}{path}", {})).status == 400


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("farEnds", {"farEnds": {"bob": {}}}, "farEnds.bob"),
        ("farEnds", {"default": {"answer": "maybe"}}, "default.answer"),
        ("farEnds", {"default": {"tones": "1x"}}, "default.tones"),
        ("farEnds", {"playMs": -1}, "playMs"),
        (
            "farEnds",
            {"sources": {"https://a.example.com": "late"}},
            "sources.https://a.example.com",
        ),
    ],
)
async def test_wrong_far_ends_are_refused(
    calls: CallsCaller, path: str, body: object, field: str
) -> None:
    refused = await calls.inspect("PUT", path, body)

    assert refused.status == 400
    assert any(error["field"].startswith(field) for error in refused.json["errors"])


async def test_nothing_happens_to_somebody_who_is_not_there(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    somebody = {"participant": f"4:{ACS_CALLER_ID}"}

    for what, more in (("react", {"answer": "busy"}), ("press", {"tones": "1"}), ("hangUp", {})):
        refused = await calls.inspect("POST", f"calls/{connection}/{what}", {**somebody, **more})
        assert refused.json["errors"][0]["field"] == "participant"
    assert (await calls.inspect("POST", f"calls/{connection}/join", somebody)).status == 400
    assert (await calls.inspect("POST", "calls/none/hangUp", somebody)).status == 404
