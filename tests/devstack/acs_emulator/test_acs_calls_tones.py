"""The tones that an app collects, those that it hears all the time, and those that it sends."""

from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)
from tests.support.part_errors import PART_ERRORS

__all__ = ["calls", "emulator", "issuer", "receiver"]

PROMPT = {"kind": "file", "file": {"uri": "https://audio.example.com/prompt.wav"}}
PRESSES = {"afterMs": 0, "toneMs": 0}


@pytest.fixture
async def connection(calls: CallsCaller, receiver: Receiver) -> str:
    """Of a call that has just been connected, its first events not counted."""
    made = await calls.connected(receiver, PHONE)
    receiver.events.clear()
    return made


@pytest.mark.parametrize(
    ("keys", "dtmf", "tones", "code", "sub_code"),
    [
        ("1 2 #", {"maxTonesToCollect": 3}, ["one", "two", "pound"], 200, 8531),
        ("12#", {"maxTonesToCollect": 9, "stopTones": ["pound"]}, ["one", "two"], 200, 8514),
        ("#", {"stopTones": ["pound", "asterisk"]}, [], 200, 8514),
        ("90*ad", {"maxTonesToCollect": 5}, ["nine", "zero", "asterisk", "a", "d"], 200, 8531),
        ("12", {"maxTonesToCollect": 3, "interToneTimeoutInSeconds": 1}, ["one", "two"], 400, 8532),
    ],
)
async def test_the_far_end_presses_what_it_was_told_to(
    calls: CallsCaller,
    receiver: Receiver,
    connection: str,
    keys: str,
    dtmf: dict[str, Any],
    tones: list[str],
    code: int,
    sub_code: int,
) -> None:
    await calls.far_ends({PHONE: {**PRESSES, "tones": keys}}, playMs=0, secondMs=100)

    answer = await calls.recognize(
        connection, dtmf=dtmf, playPrompt=PROMPT, operationContext="menu"
    )

    assert (answer.status, answer.text) == (202, "")
    completed = (await receiver.event("RecognizeCompleted"))["data"]
    assert completed["recognitionType"] == "dtmf"
    assert completed["dtmfResult"] == {"tones": tones}
    assert completed["operationContext"] == "menu"
    result = completed["resultInformation"]
    assert (result["code"], result["subCode"]) == (code, sub_code)
    assert receiver.names == ["PlayStarted", "RecognizeCompleted"]  # recorded
    assert {event["data"]["operationContext"] for event in receiver.events} == {"menu"}


@pytest.mark.parametrize(
    ("tone_ms", "event"),
    [(0, "RecognizeCompleted"), (1, "RecognizeFailed")],
    ids=["in time", "late"],
)
async def test_a_key_comes_in_time_by_what_is_set_and_not_by_the_clock(
    calls: CallsCaller, receiver: Receiver, connection: str, tone_ms: int, event: str
) -> None:
    """A second takes no time here, so the timers of silence and of the key are over at once."""
    await calls.far_ends({PHONE: {"afterMs": 0, "toneMs": tone_ms, "tones": "12"}}, secondMs=0)

    await calls.recognize(connection, dtmf={"maxTonesToCollect": 2})

    ended = (await receiver.event(event))["data"]
    assert ended.get("dtmfResult") == ({"tones": ["one", "two"]} if tone_ms == 0 else None)


async def test_silence_fails_a_recognition(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.far_ends(secondMs=1)

    await calls.recognize(connection, options={"initialSilenceTimeoutInSeconds": 1})

    failed = await receiver.event("RecognizeFailed")
    result = failed["data"]["resultInformation"]
    assert (result["code"], result["subCode"]) == (400, 8510)


async def test_keys_are_pressed_on_demand_by_the_one_who_is_asked(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE, OTHER_PHONE)
    await calls.recognize(connection, dtmf={"maxTonesToCollect": 2})
    await calls.until_seen(connection, lambda call: call["media"] == ["recognize"])

    await calls.does(connection, "press", participant=OTHER_PHONE, tones="99")
    await calls.does(connection, "press", participant=PHONE, tones="4")
    await calls.does(connection, "press", participant=PHONE, tones="2")

    completed = await receiver.event("RecognizeCompleted")
    assert completed["data"]["dtmfResult"]["tones"] == ["four", "two"]


async def test_tones_that_were_not_collected_are_not_for_the_next_operation(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.far_ends({PHONE: {**PRESSES, "tones": "123"}})

    for _ in range(2):
        await calls.recognize(connection, dtmf={"maxTonesToCollect": 2})
    await receiver.event("RecognizeCompleted", 2)

    collected = [event["data"]["dtmfResult"]["tones"] for event in receiver.events]
    assert collected == [["one", "two"], ["one", "two"]]


@pytest.mark.parametrize(("may", "tones"), [(True, ["one", "two"]), (False, ["two"])])
async def test_a_prompt_is_interrupted_only_where_it_may_be(
    calls: CallsCaller, receiver: Receiver, connection: str, may: bool, tones: list[str]
) -> None:
    await calls.far_ends({PHONE: {"tones": "2"}}, playMs=10_000 if may else 200)
    await calls.recognize(
        connection,
        options={"interruptPrompt": may},
        dtmf={"maxTonesToCollect": len(tones)},
        playPrompts=[PROMPT, PROMPT],
    )

    await calls.does(connection, "press", participant=PHONE, tones="1")

    completed = await receiver.event("RecognizeCompleted")
    assert completed["data"]["dtmfResult"]["tones"] == tones


async def test_a_prompt_that_cannot_be_played_fails_the_recognition(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    uri = "https://audio.example.com/prompt.wav"
    await calls.far_ends({PHONE: {"tones": "1"}}, sources={uri: "badFormat"})

    await calls.recognize(connection, playPrompt=PROMPT)

    failed = (await receiver.event("RecognizeFailed"))["data"]
    assert failed["failedPlaySourceIndex"] == 0
    assert failed["resultInformation"]["subCode"] == 8511


async def test_a_recognition_is_canceled(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.recognize(connection, operationContext="menu")

    await calls.ask("POST", f"/{connection}:cancelAllMediaOperations")

    canceled = (await receiver.event("RecognizeCanceled"))["data"]
    assert canceled["operationContext"] == "menu"
    assert canceled["resultInformation"]["subCode"] == 8508


@pytest.mark.parametrize(
    ("options", "dtmf"),
    [
        ({"initialSilenceTimeoutInSeconds": 301}, {}),
        ({"initialSilenceTimeoutInSeconds": -1}, {}),
        ({}, {"interToneTimeoutInSeconds": 0}),
        ({}, {"interToneTimeoutInSeconds": 61}),
        ({}, {"maxTonesToCollect": 0}),
        ({}, {"stopTones": ["hash"]}),
        ({"targetParticipant": {"rawId": "nobody"}}, {}),
    ],
)
async def test_limits_are_those_of_the_service(
    calls: CallsCaller, connection: str, options: dict[str, Any], dtmf: dict[str, Any]
) -> None:
    refused = await calls.recognize(
        connection, options=options, dtmf={"maxTonesToCollect": 1, **dtmf}
    )

    assert refused.error[:2] == (400, "400")
    assert refused.error[2].startswith("The field RecognizeOptions is invalid.")


async def test_a_pause_that_is_too_long_can_fail_a_recognition(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    """As it did in the documentation at first."""
    far_end = {PHONE: {**PRESSES, "tones": "12"}}
    await calls.far_ends(far_end, interToneTimeout="failed", secondMs=50)

    await calls.recognize(connection, dtmf={"interToneTimeoutInSeconds": 1})

    failed = (await receiver.event("RecognizeFailed"))["data"]
    result = failed["resultInformation"]
    assert (result["code"], result["subCode"]) == (400, 8532)
    assert "dtmfResult" not in failed


async def test_tones_of_strangers_are_not_recognized(calls: CallsCaller, connection: str) -> None:
    assert (await calls.recognize(connection, OTHER_PHONE)).status == 404


async def test_every_tone_is_heard_between_start_and_stop(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    async def ask(action: str, context: str) -> int:
        body = {"targetParticipant": phone(), "operationContext": context}
        return (await calls.ask("POST", f"/{connection}:{action}", body)).status

    assert await ask("stopContinuousDtmfRecognition", "early") == 400
    assert await ask("startContinuousDtmfRecognition", "on") == 200
    await calls.does(connection, "press", participant=PHONE, tones="1#")
    assert await ask("stopContinuousDtmfRecognition", "off") == 200
    await calls.does(connection, "press", participant=PHONE, tones="2")
    await receiver.event("ContinuousDtmfRecognitionStopped")

    heard = [event["data"] for event in receiver.named("ContinuousDtmfRecognitionToneReceived")]
    assert [(data["tone"], data["sequenceId"]) for data in heard] == [("one", 1), ("pound", 2)]
    assert {data["operationContext"] for data in heard} == {"on"}
    assert receiver.events[-1]["data"]["operationContext"] == "off"


async def test_tones_are_sent(calls: CallsCaller, receiver: Receiver, connection: str) -> None:
    body = {"tones": ["one", "pound"], "targetParticipant": phone(), "operationContext": "pin"}

    answer = await calls.ask("POST", f"/{connection}:sendDtmfTones", body)

    assert (answer.status, answer.json) == (202, {"operationContext": "pin"})
    sent = await receiver.event("SendDtmfTonesCompleted")
    assert sent["data"]["operationContext"] == "pin"


async def test_so_many_tones_wait_and_others_fail_the_test(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    await calls.recognize(connection, dtmf={"maxTonesToCollect": 5000})
    assert PART_ERRORS.new() == []

    await calls.does(connection, "press", participant=PHONE, tones="1" * 1002)

    [told] = PART_ERRORS.new()  # else this test would fail
    assert "one tone too many" in told
    await calls.ask("DELETE", f"/{connection}")
