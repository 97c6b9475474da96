"""Calls that are recorded, for tests of recording."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from tests.calls.test_calls import DONE_SECONDS, MANAGER, in_acs, is_connected, place, watched
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host

RECORDER = [*MANAGER, "Calls.Record"]


async def connected(people: People, host: Host, name: str = "recorder") -> tuple[Person, str]:
    """Somebody who may record, and a call of theirs that is connected."""
    bob, recorder = people(host, "bob", name)
    recorder.sign_in(*RECORDER)
    for person in (bob, recorder):
        assert (await person.token()).status == 200
    placed = await place(recorder, {"user": bob.id})
    assert placed.status == 201, placed
    call = str(placed.json["id"])
    await watched(recorder, call, lambda now: is_connected(now) and len(now["events"]) == 2)
    return recorder, call


async def record(person: Person, call: str, action: str, key: str | None = None) -> Reply:
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    return await person.ask(f"/calls/{call}/recording", "POST", {"action": action}, **headers)


def is_in(state: str) -> Callable[[dict[str, Any]], bool]:
    """Is the latest recording in that state?"""
    return lambda call: bool(call.get("recording", {}).get("state") == state)


async def recorded(person: Person, call: str) -> str:
    """Have a call recorded; the recording's id."""
    started = await record(person, call, "start")
    assert started.status == 202, started
    await watched(person, call, is_in("recording"))
    return str(started.json["id"])


async def recordings_in_acs(acs: Control, call: str) -> list[dict[str, Any]]:
    """What ACS has recorded of a call, the oldest first."""
    server_call = (await in_acs(acs, call))["serverCallId"]
    listed = (await acs.get("recordings"))["recordings"]
    return [one for one in listed if one["serverCallId"] == server_call]


async def until(look: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """What is seen, once it is as wanted."""
    async with asyncio.timeout(DONE_SECONDS):
        while not wanted(seen := await look()):
            await asyncio.sleep(0.05)
    return seen


def is_filed(call: dict[str, Any]) -> bool:
    """Has ACS told where the file of the latest recording is?"""
    told = any(event["type"] == "RecordingFileStatusUpdated" for event in call["events"])
    return told and "files" in call["recordings"][-1]
