"""How an app subscribes to Event Grid: the handshake, and the subscription of the start."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from devstack.acs_emulator.__main__ import read_arguments
from devstack.well_known import EVENT_KEY, EVENT_KEY_HEADER
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer, running_emulator
from tests.devstack.acs_emulator.call_fixtures import (
    CallsCaller,
    calling,
    calls,
    receiver,
)
from tests.devstack.acs_emulator.event_grid_fixtures import (
    NO_ISSUER,
    NOBODY,
    SECRET,
    Grid,
    Webhook,
    grid,
    proof,
    serving,
    webhook,
)
from tests.support.ports import free_port

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook"]


class TestTheHandshake:
    async def test_is_an_event_with_a_code_to_be_given_back(
        self, grid: Grid, webhook: Webhook
    ) -> None:
        answer = await grid.subscribe(webhook.url)

        assert answer.status == 200
        assert answer.json["subscription"]["url"] == webhook.url
        [handshake] = webhook.arrivals
        assert handshake.kind == "SubscriptionValidation"
        assert handshake.headers["X-Key"] == SECRET
        event = handshake.event
        assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
        assert set(event["data"]) == {"validationCode", "validationUrl"}

    @pytest.mark.parametrize(
        ("handshake", "why"),
        [
            (lambda code: proof(code, 500), "answered 500"),
            (lambda code: proof(code, 202), "answered 202"),
            (lambda _: web.Response(status=302, headers={"Location": "/calls"}), "answered 302"),
            (lambda _: web.Response(status=401, text="Who are you?"), "Who are you?"),
            (lambda code: proof(code[::-1]), "not answered with the validation code"),
            (lambda code: web.json_response([code]), "not answered with the validation code"),
            (lambda code: web.Response(text=code), "not answered with the validation code"),
            (lambda _: web.Response(), "not answered with the validation code"),
        ],
        ids=["500", "202", "redirect", "401", "another-code", "no-object", "no-json", "empty"],
    )
    async def test_that_fails_changes_nothing(
        self, grid: Grid, webhook: Webhook, handshake: Callable[[str], web.Response], why: str
    ) -> None:
        await grid.subscribed(webhook)
        await grid.ring()
        before = await grid.until_settled()
        other = Webhook()
        other.handshake = handshake

        async with serving(other):
            refused = await grid.subscribe(other.url)

        assert refused.status == 400
        [fault] = refused.json["errors"]
        assert fault["field"] == "url"
        assert why in fault["message"]
        assert other.kinds == ["SubscriptionValidation"]
        seen = await grid.seen()
        assert (seen["subscription"]["url"], seen["deliveries"]) == (webhook.url, before)
        await grid.ring()
        await webhook.until_told(2)

    async def test_fails_where_nobody_listens(self, grid: Grid) -> None:
        refused = await grid.subscribe(NOBODY)

        assert refused.status == 400
        message = "the handshake was not answered: ClientConnectorError"
        assert refused.json["errors"] == [{"field": "url", "message": message}]
        assert await grid.seen() == {"subscription": None, "deliveries": []}


@pytest.mark.emulators
class TestTheSubscriptionOfTheStart:
    async def test_is_proven_when_there_is_something_to_deliver(self, tmp_path: Path) -> None:
        port = free_port()
        webhook = Webhook()
        options = ["--event-webhook", f"http://127.0.0.1:{port}/calls"]
        with running_emulator(tmp_path, NO_ISSUER, *options) as emulator:
            async with calling(emulator) as calls:
                grid = Grid(calls)
                await grid.ring()
                [missed] = await grid.until_settled()
                async with serving(webhook, port):
                    assert (await grid.seen())["subscription"]["url"] == webhook.url
                    assert webhook.arrivals == []
                    events = [
                        each["eventId"] for each in await asyncio.gather(grid.ring(), grid.ring())
                    ]
                    await webhook.until_told(2)

        message = "the handshake was not answered: ClientConnectorError"
        assert (missed["state"], missed["attempts"]) == ("dropped", [message])
        assert webhook.kinds == ["SubscriptionValidation", "Notification", "Notification"]
        assert {each.headers[EVENT_KEY_HEADER] for each in webhook.arrivals} == {EVENT_KEY}
        assert {each.event["id"] for each in webhook.told} == set(events)

    async def test_comes_back_when_another_ends(self, tmp_path: Path, webhook: Webhook) -> None:
        options = ["--event-webhook", webhook.url, "--event-key", "another-key"]
        other = Webhook()
        with running_emulator(tmp_path, NO_ISSUER, *options) as emulator:
            async with calling(emulator) as calls, serving(other):
                grid = Grid(calls)
                await grid.ring()
                await grid.until_settled()
                await grid.subscribed(other)
                await grid.ring()
                await grid.until_settled()
                await grid.unsubscribe()
                assert (await grid.seen())["deliveries"] == []
                await grid.ring()
                await grid.until_settled()

        assert webhook.kinds == ["SubscriptionValidation", "Notification"] * 2
        assert {each.headers[EVENT_KEY_HEADER] for each in webhook.arrivals} == {"another-key"}
        assert other.kinds == ["SubscriptionValidation", "Notification"]

    @pytest.mark.parametrize(
        "wrong",
        [
            ["--event-webhook", "ftp://127.0.0.1/calls"],
            ["--event-webhook", "http://example.com/calls"],
            ["--event-key", ""],
            ["--event-key", "of\ntwo lines"],
        ],
    )
    def test_is_refused_at_the_start_where_it_is_wrong(
        self, capsys: pytest.CaptureFixture[str], wrong: list[str]
    ) -> None:
        usual = ["--database", "acs.sqlite", "--key-file", "acs.pem", "--issuer", NO_ISSUER]
        with pytest.raises(SystemExit):
            read_arguments([*usual, *wrong])

        assert f"argument {wrong[0]}: invalid" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"url": "http://example.com/calls", "speed": 1}, ["url", "speed"]),
        ({"url": "/calls", "repeat": 0, "attempts": 7}, ["url", "repeat", "attempts"]),
        ({"retryMs": -1, "headers": "X-Key: 1"}, ["url", "headers", "retryMs"]),
        ({"url": NOBODY, "headers": {"X Key": SECRET}}, ["headers.X Key.[key]"]),
        ({"url": NOBODY, "headers": {"X-Key": f"{SECRET}\n"}}, ["headers.X-Key"]),
        ({"url": NOBODY, "headers": {"X-Key": "1" * 4097}}, ["headers.X-Key"]),
        ({"url": NOBODY, "headers": {f"X-{n}": "" for n in range(11)}}, ["headers"]),
        ([], [""]),
        (None, [""]),
    ],
)
async def test_all_that_is_wrong_with_a_subscription_is_told(
    calls: CallsCaller, spec: object, fields: list[str]
) -> None:
    refused = await calls.inspect("PUT", "eventSubscription", spec)

    assert refused.status == 400
    assert [error["field"] for error in refused.json["errors"]] == fields
    assert SECRET not in refused.text
