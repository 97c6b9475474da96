"""Event Grid tells an app of calls that ring: what is delivered, and how often."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    receiver,
)
from tests.devstack.acs_emulator.event_grid_fixtures import (
    BOT,
    SECRET,
    Grid,
    Webhook,
    grid,
    serving,
    webhook,
)

__all__ = ["calls", "emulator", "grid", "issuer", "receiver", "webhook"]


async def test_a_call_that_rings_is_told_in_event_grids_schema(
    grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook)
    ringing = await grid.ring(displayName="Alice")

    [told] = await webhook.until_told(1)

    assert told.headers["Content-Type"] == "application/json; charset=utf-8"
    assert told.headers["X-Key"] == SECRET
    aeg = {name.lower(): value for name, value in told.headers.items() if name.startswith("aeg-")}
    assert aeg == {
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "DEVSTACK",
        "aeg-delivery-count": "0",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
    }
    event = told.event
    topic, since, data = event.pop("topic"), event.pop("eventTime"), event.pop("data")
    assert event == {
        "id": ringing.pop("eventId"),
        "subject": f"/caller/{PHONE}/recipient/{BOT}",
        "eventType": "Microsoft.Communication.IncomingCall",
        "dataVersion": "1.0",
        "metadataVersion": "1",
    }
    assert topic.startswith("/subscriptions/")
    assert "/providers/Microsoft.Communication/communicationServices/" in topic
    assert abs(datetime.now(UTC) - datetime.fromisoformat(since)) < timedelta(minutes=1)
    assert data == ringing
    assert data == {
        "to": {"kind": "communicationUser", "rawId": BOT, "communicationUser": {"id": BOT}},
        "from": {
            "kind": "phoneNumber",
            "rawId": PHONE,
            "phoneNumber": {"value": PHONE.removeprefix("4:")},
        },
        "callerDisplayName": "Alice",
        "serverCallId": ringing["serverCallId"],
        "correlationId": ringing["correlationId"],
        "incomingCallContext": ringing["incomingCallContext"],
    }
    assert all(data.values())


async def test_the_context_of_an_event_is_good_to_answer_the_call(
    grid: Grid, webhook: Webhook, calls: CallsCaller, receiver: Receiver
) -> None:
    await grid.subscribed(webhook)
    await grid.ring()
    [told] = await webhook.until_told(1)

    data = told.event["data"]
    body = {"incomingCallContext": data["incomingCallContext"], "callbackUri": receiver.url}
    answer = await calls.ask("POST", ":answer", body)

    assert (answer.status, answer.json["serverCallId"]) == (200, data["serverCallId"])
    await receiver.event("CallConnected")


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_an_event_that_was_taken_comes_once(
    grid: Grid, webhook: Webhook, status: int
) -> None:
    await grid.subscribed(webhook, retryMs=0)
    webhook.answers = [status]
    event = (await grid.ring())["eventId"]

    [taken] = await grid.until_settled()

    kind = "Microsoft.Communication.IncomingCall"
    assert taken == {
        "id": event,
        "type": kind,
        "state": "taken",
        "attempts": [status],
        "answer": "",
    }
    assert len(webhook.told) == 1


@pytest.mark.parametrize("status", [205, 302, 404, 408, 429, 500, 503])
async def test_an_event_that_was_not_taken_comes_again(
    grid: Grid, webhook: Webhook, status: int
) -> None:
    await grid.subscribed(webhook, retryMs=1)
    webhook.answers = [status, status]
    event = (await grid.ring())["eventId"]

    [taken] = await grid.until_settled()

    assert (taken["state"], taken["attempts"]) == ("taken", [status, status, 200])
    assert [each.event["id"] for each in webhook.told] == [event] * 3
    assert len({each.text for each in webhook.told}) == 1
    assert [each.headers["aeg-delivery-count"] for each in webhook.told] == ["0", "1", "2"]
    assert {each.headers["X-Key"] for each in webhook.told} == {SECRET}


@pytest.mark.parametrize(("status", "times"), [(500, 1), (503, 3), (408, 12)])
async def test_how_long_it_waits_depends_on_the_answer(
    grid: Grid, webhook: Webhook, status: int, times: int
) -> None:
    await grid.subscribed(webhook, retryMs=20)
    webhook.answers = [status]
    await grid.ring()

    first, second = await webhook.until_told(2)

    assert second.at - first.at >= times * 0.02


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_what_will_never_be_taken_does_not_come_again(
    grid: Grid, webhook: Webhook, status: int
) -> None:
    await grid.subscribed(webhook, retryMs=0)
    webhook.answers = [status]
    events = [(await grid.ring())["eventId"]]
    [dropped] = await grid.until_settled()
    assert (dropped["state"], dropped["attempts"]) == ("dropped", [status])

    events.append((await grid.ring())["eventId"])

    _, taken = await grid.until_settled(2)
    assert (taken["state"], taken["attempts"]) == ("taken", [200])
    assert [each.event["id"] for each in webhook.told] == events


async def test_an_event_is_dropped_after_the_last_attempt(grid: Grid, webhook: Webhook) -> None:
    await grid.subscribed(webhook, retryMs=0, attempts=3)
    webhook.answers = [503] * 4
    await grid.ring()

    [dropped] = await grid.until_settled()

    assert (dropped["state"], dropped["attempts"]) == ("dropped", [503, 503, 503])
    assert webhook.answers == [503]


async def test_an_app_that_went_away_is_asked_again(grid: Grid) -> None:
    gone = Webhook()
    async with serving(gone):
        await grid.subscribed(gone, retryMs=0, attempts=2)
    await grid.ring()

    [dropped] = await grid.until_settled()

    assert (dropped["state"], dropped["attempts"]) == ("dropped", ["ClientConnectorError"] * 2)


async def test_an_event_is_sent_several_times_at_once(grid: Grid, webhook: Webhook) -> None:
    await grid.subscribed(webhook, repeat=3, retryMs=0)
    webhook.opened.clear()
    webhook.answers = [500] * 3
    event = (await grid.ring())["eventId"]

    await webhook.until_told(3)  # none of them has been answered
    webhook.opened.set()

    [taken] = await grid.until_settled()
    assert (taken["state"], taken["attempts"]) == ("taken", [500, 200])
    assert [each.event["id"] for each in webhook.told] == [event] * 4
    assert [each.headers["aeg-delivery-count"] for each in webhook.told] == ["0", "0", "0", "1"]


async def test_who_inspects_a_subscription_is_not_told_its_headers(
    grid: Grid, webhook: Webhook, calls: CallsCaller
) -> None:
    subscribed = await grid.subscribe(webhook.url)
    await grid.ring()
    await grid.until_settled()
    shown = await calls.inspect("GET", "eventSubscription")

    spec = {"url": webhook.url, "repeat": 1, "attempts": 4, "retryMs": 10_000}
    assert subscribed.json == {"subscription": spec, "deliveries": []}
    assert shown.json["subscription"] == spec
    assert SECRET not in subscribed.text + shown.text + calls.emulator.log


async def test_a_subscription_ends_with_the_events_on_their_way(
    grid: Grid, webhook: Webhook
) -> None:
    await grid.subscribed(webhook, retryMs=0)
    webhook.opened.clear()
    webhook.answers = [503]
    first = (await grid.ring())["eventId"]
    await webhook.until_told(1)

    await grid.unsubscribe()
    webhook.opened.set()

    assert await grid.seen() == {"subscription": None, "deliveries": []}
    await grid.subscribed(webhook)
    second = (await grid.ring())["eventId"]
    await webhook.until_told(2)
    assert [each.event["id"] for each in webhook.told] == [first, second]


async def test_a_call_rings_where_nobody_has_subscribed(
    grid: Grid, calls: CallsCaller, receiver: Receiver
) -> None:
    ringing = await grid.ring()

    assert ringing["eventId"] is None
    assert await grid.seen() == {"subscription": None, "deliveries": []}
    body = {"incomingCallContext": ringing["incomingCallContext"], "callbackUri": receiver.url}
    assert (await calls.ask("POST", ":answer", body)).status == 200
