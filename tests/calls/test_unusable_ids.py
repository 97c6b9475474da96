"""An id that no URL can hold names nothing of ACS's: an event with one changes nothing, and ACS is
not asked for it."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

from shared.calls.acs import CallAutomationApi
from shared.calls.events import is_about, read_events
from shared.calls.rows import CallState
from shared.problems import Forbidden
from shared.unavailable import CommunicationUnavailable
from tests.calls.placing_world import World
from tests.calls.test_call_records import events
from tests.calls.test_lost_answers import LATER
from tests.calls.test_recording_rules import CALL, told

NO_IDS = ["", ".", ".."]


@pytest.mark.parametrize("no_id", NO_IDS)
async def test_an_event_that_names_no_connection_binds_none_and_notes_no_call(
    caplog: pytest.LogCaptureFixture, no_id: str
) -> None:
    caplog.set_level(logging.INFO, logger="audit")
    world = World()
    await world.enrol()
    world.fail("k", "lost")
    with suppress(CommunicationUnavailable):
        await world.quietly(world.place(world.host(), "k"))
    [call_id] = world.acs.going_on
    nameless = events("CallConnected", callConnectionId=no_id)

    with pytest.raises(Forbidden):
        await world.quietly(world.host().calls.apply(call_id, nameless))

    found = await world.quietly(world.host().records.find(call_id))
    assert found is not None
    assert (found.connection_id, found.state) == (None, CallState.PLACING)
    assert not [one for one in caplog.records if one.name == "audit"]
    world.wait(**LATER)
    view = await world.quietly(world.host().calls.get(world.caller, call_id))
    assert view.call == found


@pytest.mark.parametrize("no_id", NO_IDS)
def test_an_event_that_names_no_recording_is_about_none(no_id: str) -> None:
    [event] = read_events(json.dumps([told("active", 1, recordingId=no_id)]).encode())
    [recording] = CALL.recordings.listed

    assert not is_about(event, CALL)
    named = replace(CALL, recordings=CALL.recordings.added(replace(recording, acs_id=no_id)))
    assert not is_about(event, named)


@pytest.mark.parametrize("no_id", NO_IDS)
@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda api, no_id: api.find(no_id), None),
        (lambda api, no_id: api.callback_url_of(no_id), None),
        (lambda api, no_id: api.hang_up(no_id), False),
        (lambda api, no_id: api.leave(no_id), None),
    ],
)
async def test_acs_is_not_asked_for_a_call_without_an_id(
    ask: Callable[[CallAutomationApi, str], Any], answer: object, no_id: str
) -> None:
    """An earlier version may have recorded it. Nothing answers at this address."""
    client = CallAutomationClient("http://127.0.0.1:9", AzureKeyCredential("a2V5"))
    async with client:
        assert await ask(CallAutomationApi(lambda: client), no_id) == answer
