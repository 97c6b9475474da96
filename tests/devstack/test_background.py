"""Errors in the background of emulators are logged, and fail the test that is running.

An emulator keeps a bounded number of waiting things; to drop further ones is such an error.
"""

import asyncio
import logging
from pathlib import Path

import pytest

from devstack.acs_emulator.callbacks.delivery import CallbackDelivery
from devstack.acs_emulator.callbacks.modes import CallbackMode
from devstack.acs_emulator.callbacks.store import EventStore
from devstack.acs_emulator.callbacks.tokens import CallbackTokens
from devstack.acs_emulator.event_grid.delivery import EventGrid
from devstack.acs_emulator.event_grid.subscription import SubscriptionSpec
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.emulation.background import FAILURE, BackgroundTasks
from devstack.emulation.database import Database
from devstack.well_known import ACS_CALLBACK_ISSUER, ACS_RESOURCE_ID
from tests.support.part_errors import PartErrors


async def fail() -> None:
    raise RuntimeError("the queue is gone")


async def sleep() -> None:
    await asyncio.sleep(60)


async def test_the_error_of_a_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks()
    task = tasks.spawn(fail())
    await asyncio.wait([task])
    await asyncio.sleep(0)

    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage().startswith(FAILURE)
    assert "the queue is gone" in caplog.text


async def test_a_task_that_is_ended_has_no_error(caplog: pytest.LogCaptureFixture) -> None:
    tasks = BackgroundTasks()
    tasks.spawn(sleep())
    await asyncio.sleep(0)

    await tasks.stop()

    assert caplog.text == ""


def test_a_failure_in_a_log_is_told_once(tmp_path: Path) -> None:
    log, other = tmp_path / "acs.log", tmp_path / "graph.log"
    log.write_text(f"{FAILURE}: before the test\n")
    errors = PartErrors()
    errors.watch(log)
    errors.watch(other)  # not there yet
    assert errors.new() == []

    with log.open("a") as file:
        file.write(f"{FAILURE}: of the test\n")
    other.write_text("ready\n")

    [told] = errors.new()
    assert told == f"{FAILURE}: of the test\n"
    assert errors.new() == []


async def test_so_many_callbacks_wait_and_others_are_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path / "acs.sqlite")
    key = SigningKey(tmp_path / "key.pem")
    tokens = CallbackTokens(key, issuer=ACS_CALLBACK_ISSUER, resource_id=ACS_RESOURCE_ID)
    store = EventStore(database)
    delivery = CallbackDelivery(store, tokens, max_waiting=2)
    await delivery.set_mode(CallbackMode(hold=True))

    for number in range(3):
        delivery.send(connection_id="call", id=str(number), type="Any", url="http://x", body="[]")

    assert [event.id for event in delivery.held] == ["0", "1"]
    states = [event["state"] for event in store.of_connection("call") if isinstance(event, dict)]
    assert states == ["waiting", "waiting", "given up"]
    assert FAILURE in caplog.text
    database.close()


async def test_so_many_events_of_event_grid_wait_and_others_are_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("devstack.acs_emulator.event_grid.delivery.MAX_DELIVERIES", 2)
    grid = EventGrid(SubscriptionSpec(url="http://127.0.0.1:9/calls"))

    for _ in range(3):
        grid.publish("Any", "subject", {})

    assert grid.subscription is not None
    states = [delivery.state for delivery in grid.subscription.deliveries]
    assert states == ["waiting", "waiting", "dropped"]
    assert FAILURE in caplog.text
    await grid.stop()
