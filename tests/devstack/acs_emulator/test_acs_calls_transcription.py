"""Transcription: what is said in a call, over a WebSocket that the emulator opens to the app."""

from typing import Any

import aiohttp
import pytest

from devstack.well_known import SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Event,
    Receiver,
    calls,
    receiver,
)
from tests.devstack.acs_emulator.stream_fixtures import AppSocketServer, sockets, transcribing
from tests.devstack.emulator_fixtures import Answer
from tests.support.part_errors import PART_ERRORS

__all__ = ["calls", "emulator", "issuer", "receiver", "sockets"]

SPEECH = {"callIntelligenceOptions": {"cognitiveServicesEndpoint": SPEECH_ENDPOINT}}
FAST: dict[str, Any] = {"secondMs": 5, "default": {"afterMs": 5}}


async def ask(calls: CallsCaller, connection: str, what: str, **body: object) -> Answer:
    return await calls.ask("POST", f"/{connection}:{what}Transcription", body)


async def subscription(calls: CallsCaller, connection: str) -> Any:
    return (await calls.ask("GET", f"/{connection}")).json["transcriptionSubscription"]


def update_of(event: Event) -> dict[str, str]:
    update: dict[str, str] = event["data"]["transcriptionUpdate"]
    return update


@pytest.fixture
async def connection(calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer) -> str:
    """Of a call that is transcribed."""
    await calls.far_ends(**FAST)
    more = {**SPEECH, **transcribing(sockets, startTranscription=True)}
    made = await calls.connected(receiver, PHONE, **more)
    await receiver.event("TranscriptionStarted")
    return made


async def test_an_app_starts_changes_and_stops_it(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    """The events, the states and the statuses are recorded."""
    connection = await calls.connected(receiver, PHONE, **SPEECH, **transcribing(sockets))
    begun = await subscription(calls, connection)

    answers = [await ask(calls, connection, "start", locale="en-CA", operationContext="on")]
    on = await receiver.event("TranscriptionStarted")
    active = await subscription(calls, connection)
    answers.append(await ask(calls, connection, "update", locale="en-GB", operationContext="new"))
    new = await receiver.event("TranscriptionUpdated")
    answers.append(await ask(calls, connection, "stop", operationContext="off"))
    off = await receiver.event("TranscriptionStopped")

    assert [(answer.status, answer.text) for answer in answers] == [(202, "")] * 3
    assert begun == {
        "id": begun["id"],
        "state": "inactive",
        "subscribedResultTypes": ["final"],
        "locale": "en-US",
    }
    assert active == {**begun, "state": "active", "locale": "en-CA"}
    assert await subscription(calls, connection) == {**begun, "locale": "en-GB"}
    statuses = [tuple(update_of(event).values()) for event in (on, new, off)]
    assert statuses == [
        ("transcriptionStarted", "subscriptionStarted"),
        ("transcriptionUpdated", "transcriptionLocaleUpdated"),
        ("transcriptionStopped", "subscriptionStopped"),
    ]
    assert [event["data"]["operationContext"] for event in (on, new, off)] == ["on", "new", "off"]
    await sockets.until(lambda: sockets.closed == [1000])
    await calls.ask("DELETE", f"/{connection}")


async def test_what_people_say_is_sent(
    calls: CallsCaller, sockets: AppSocketServer, connection: str
) -> None:
    call = (await calls.ask("GET", f"/{connection}")).json

    await calls.does(connection, "say", participant=PHONE, text="It's Monday.", confidence=0.7)
    await calls.does(connection, "say", participant=PHONE, text="")
    await calls.does(connection, "say", participant=PHONE, text="Yes.")

    first = await sockets.message("TranscriptionData")
    second = await sockets.message("TranscriptionData", 2)
    assert sockets.messages[0] == {
        "kind": "TranscriptionMetadata",
        "transcriptionMetadata": {
            "subscriptionId": call["transcriptionSubscription"]["id"],
            "locale": "en-US",
            "callConnectionId": connection,
            "correlationId": call["correlationId"],
        },
    }
    offset = first.pop("offset")
    words = first.pop("words")
    assert first == {
        "text": "It's Monday.",
        "format": "display",
        "confidence": 0.7,
        "duration": 8_000_000,
        "participantRawID": PHONE,
        "resultStatus": "Final",
    }
    assert [word["text"] for word in words] == ["it's", "monday"]
    assert words[0]["offset"] == offset
    assert second["offset"] < offset  # it counts backwards, as documented
    assert (second["text"], second["confidence"]) == ("Yes.", 0.9)
    await calls.ask("DELETE", f"/{connection}")


async def test_what_is_said_is_sent_before_it_is_complete_where_that_is_wanted(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    options = transcribing(sockets, startTranscription=True, enableIntermediateResults=True)
    connection = await calls.connected(receiver, PHONE, **SPEECH, **options)
    await receiver.event("TranscriptionStarted")

    await calls.does(connection, "say", participant=PHONE, text="I want to pay")

    await sockets.message("TranscriptionData", 2)
    said = [(text["text"], text["resultStatus"]) for text in sockets.of("TranscriptionData")]
    assert said == [("I want", "Intermediate"), ("I want to pay", "Final")]
    types = (await subscription(calls, connection))["subscribedResultTypes"]
    assert types == ["intermediate", "final"]
    await calls.ask("DELETE", f"/{connection}")


async def test_what_is_recognized_is_transcribed_too(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, connection: str
) -> None:
    await calls.far_ends({PHONE: {"says": ["to pay"], "sayMs": 0}})

    await calls.recognize(connection, recognizeInputType="speech")

    assert (await sockets.message("TranscriptionData"))["text"] == "to pay"
    assert (await receiver.event("RecognizeCompleted"))["data"]["speechResult"] == {
        "speech": "to pay"
    }
    await calls.ask("DELETE", f"/{connection}")


async def test_a_connection_is_opened_again_or_fails(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, connection: str
) -> None:
    await sockets.message("TranscriptionMetadata")
    await sockets.sockets[0].close(code=1011)
    resumed = await receiver.event("TranscriptionStarted", 2)
    assert update_of(resumed) == {
        "transcriptionStatus": "transcriptionResumed",
        "transcriptionStatusDetails": "streamConnectionReestablished",
    }
    await sockets.message("TranscriptionMetadata", 2)

    sockets.refusals = [503, 503]
    await sockets.sockets[1].close(code=1011)
    failed = await receiver.event("TranscriptionFailed")
    result = failed["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (500, 8578)
    assert update_of(failed)["transcriptionStatusDetails"] == "streamConnectionInterrupted"


async def test_what_the_documentation_refuses_is_refused(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    no_options = await calls.connected(receiver, PHONE, **SPEECH)
    assert await subscription(calls, no_options) == {
        "state": "disabled",
        "subscribedResultTypes": [],
    }
    assert (await ask(calls, no_options, "start")).error[:2] == (405, "8522")
    no_endpoint = await calls.connected(receiver, PHONE, **transcribing(sockets))
    assert (await ask(calls, no_endpoint, "start")).error[:2] == (405, "8522")
    await calls.connected(receiver, PHONE, **transcribing(sockets, startTranscription=True))
    failed = await receiver.event("TranscriptionFailed")
    result = failed["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (405, 8522)

    connection = await calls.connected(receiver, PHONE, **SPEECH, **transcribing(sockets))
    assert (await ask(calls, connection, "start", locale="en")).error[:2] == (400, "8523")
    assert (await ask(calls, connection, "update", locale="en-GB")).error[:2] == (409, "8519")
    assert (await ask(calls, connection, "start")).status == 202
    assert (await ask(calls, connection, "update")).error[:2] == (400, "8523")
    await calls.ask("DELETE", f"/{connection}")


async def test_who_only_connected_cannot_change_the_locale(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    """Documented."""
    await calls.connected(receiver, PHONE)
    [call] = [one for one in (await calls.state())["calls"] if one["callbackUri"] == receiver.url]
    locator = {"kind": "serverCallLocator", "serverCallId": call["serverCallId"]}
    answer = await calls.ask(
        "POST",
        ":connect",
        {
            "callbackUri": receiver.url,
            "callLocator": locator,
            **SPEECH,
            **transcribing(sockets, startTranscription=True),
        },
    )
    await receiver.event("TranscriptionStarted")
    connection = answer.json["callConnectionId"]

    refused = await ask(calls, connection, "update", locale="en-GB")

    assert refused.error[:2] == (405, "8520")
    await calls.ask("POST", f"/{connection}:terminate")


async def test_so_many_texts_wait_and_others_fail_the_test(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, connection: str
) -> None:
    await sockets.message("TranscriptionMetadata")
    assert PART_ERRORS.new() == []
    await calls.far_ends(secondMs=600_000)  # until it opens the connection again
    await sockets.sockets[0].close()
    await sockets.until(lambda: len(sockets.closed) == 1)
    await calls.does(connection, "say", participant=PHONE, text="lost, perhaps")

    say = f"{calls.emulator.url}/_emulator/calls/{connection}/say"
    async with aiohttp.ClientSession(raise_for_status=True) as session:  # of one connection
        for _ in range(1001):
            (await session.post(say, json={"participant": PHONE, "text": "hello"})).release()

    told = "".join(PART_ERRORS.new())  # else this test would fail
    assert "one too many for the transcription" in told
    await calls.ask("DELETE", f"/{connection}")
