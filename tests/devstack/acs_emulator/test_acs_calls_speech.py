"""Speech that an app recognizes; the test sets what people say."""

from typing import Any

import pytest

from devstack.well_known import SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    receiver,
)
from tests.devstack.emulator_fixtures import Answer

__all__ = ["calls", "emulator", "issuer", "receiver"]

SPEECH = {"callIntelligenceOptions": {"cognitiveServicesEndpoint": SPEECH_ENDPOINT}}
PROMPT = {"kind": "text", "text": {"text": "How can I help you?"}}
CHOICES = [
    {"label": "Confirm", "phrases": ["Confirm", "First", "One"], "tone": "one"},
    {"label": "Cancel", "phrases": ["Cancel", "I don't want it"], "tone": "two"},
]


@pytest.fixture
async def connection(calls: CallsCaller, receiver: Receiver) -> str:
    """Of a call that has just been connected, its first events not counted."""
    made = await calls.connected(receiver, PHONE, **SPEECH)
    receiver.events.clear()
    return made


async def ask_for_choice(calls: CallsCaller, connection: str, **more: Any) -> Answer:
    return await calls.recognize(
        connection, recognizeInputType="choices", options={"choices": CHOICES}, **more
    )


@pytest.mark.parametrize(
    ("says", "label", "phrase"),
    [
        ("Confirm", "Confirm", "Confirm"),
        ("the FIRST, please!", "Confirm", "First"),
        ("Well... I don't want it.", "Cancel", "I don't want it"),
        ("cancel the one thing", "Cancel", "Cancel"),  # the longer phrase counts
    ],
)
async def test_a_choice_is_heard_by_its_phrases(
    calls: CallsCaller,
    receiver: Receiver,
    connection: str,
    says: str,
    label: str,
    phrase: str,
) -> None:
    await calls.far_ends({PHONE: {"says": [says], "sayMs": 0}}, playMs=5)

    answer = await ask_for_choice(calls, connection, playPrompt=PROMPT, operationContext="menu")

    assert (answer.status, answer.text) == (202, "")
    completed = (await receiver.event("RecognizeCompleted"))["data"]
    assert completed["recognitionType"] == "choices"
    assert completed["choiceResult"] == {"label": label, "recognizedPhrase": phrase}
    assert completed["operationContext"] == "menu"
    result = completed["resultInformation"]
    assert (result["code"], result["subCode"]) == (200, 8545)
    assert receiver.names == ["PlayStarted", "RecognizeCompleted"]


@pytest.mark.parametrize(
    ("far_end", "event", "code", "sub_code"),
    [
        ({"says": ["oneness of confirmation"]}, "RecognizeFailed", 400, 8547),
        ({"says": [""]}, "RecognizeFailed", 400, 8547),
        ({"says": [None], "tones": "2"}, "RecognizeCompleted", 200, 8533),
        ({"tones": "7"}, "RecognizeFailed", 500, 8534),
        ({}, "RecognizeFailed", 400, 8510),
    ],
)
async def test_a_choice_can_be_pressed_or_missed(
    calls: CallsCaller,
    receiver: Receiver,
    connection: str,
    far_end: dict[str, Any],
    event: str,
    code: int,
    sub_code: int,
) -> None:
    """The codes are documented."""
    await calls.far_ends({PHONE: far_end}, secondMs=20)

    await ask_for_choice(calls, connection)

    ended = (await receiver.event(event))["data"]
    result = ended["resultInformation"]
    assert (result["code"], result["subCode"]) == (code, sub_code)
    assert ended.get("choiceResult") == ({"label": "Cancel"} if sub_code == 8533 else None)


async def test_speech_is_told_as_it_was_said(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    says = ["I want to pay.", {"text": "Now", "confidence": 0.25}, "", None]
    await calls.far_ends({PHONE: {"says": says, "sayMs": 0, "tones": "1"}}, secondMs=10)

    for _ in says:
        await calls.recognize(connection, recognizeInputType="speech")
    await receiver.until(lambda: len(receiver.events) == len(says))

    heard = [event["data"] for event in receiver.events]
    codes = [data["resultInformation"]["subCode"] for data in heard]
    assert [data.get("recognitionType") for data in heard] == ["speech", "speech", None, None]
    assert [data.get("speechResult") for data in heard] == [
        {"speech": "I want to pay."},
        {"speech": "Now", "confidence": 0.25},
        None,
        None,
    ]
    assert codes == [8569, 8569, 8563, 8510]  # keys are not speech


@pytest.mark.parametrize(
    ("far_end", "kind"),
    [({"says": ["hello"], "tones": "12"}, "speech"), ({"says": [None], "tones": "12"}, "dtmf")],
)
async def test_what_comes_first_decides(
    calls: CallsCaller, receiver: Receiver, connection: str, far_end: dict[str, Any], kind: str
) -> None:
    """Documented."""
    await calls.far_ends({PHONE: far_end})

    await calls.recognize(
        connection, recognizeInputType="speechOrDtmf", dtmf={"maxTonesToCollect": 2}
    )

    completed = (await receiver.event("RecognizeCompleted"))["data"]
    assert completed["recognitionType"] == kind
    assert completed.get("dtmfResult") == (None if kind == "speech" else {"tones": ["one", "two"]})


async def test_after_a_key_only_keys_count(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.recognize(
        connection, recognizeInputType="speechOrDtmf", dtmf={"maxTonesToCollect": 2}
    )
    await calls.until_seen(connection, lambda call: call["media"] == ["recognize"])

    await calls.does(connection, "press", participant=PHONE, tones="1")
    await calls.does(connection, "say", participant=PHONE, text="two")
    await calls.does(connection, "press", participant=PHONE, tones="3")

    completed = (await receiver.event("RecognizeCompleted"))["data"]
    assert completed["dtmfResult"]["tones"] == ["one", "three"]


async def test_people_speak_on_demand_and_only_who_is_asked_is_heard(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE, OTHER_PHONE, **SPEECH)
    await calls.recognize(connection, recognizeInputType="speech")
    await calls.until_seen(connection, lambda call: call["media"] == ["recognize"])

    await calls.does(connection, "say", participant=OTHER_PHONE, text="no")
    await calls.does(connection, "say", participant=PHONE, text="yes", confidence=1.0)

    completed = (await receiver.event("RecognizeCompleted"))["data"]
    assert completed["speechResult"] == {"speech": "yes", "confidence": 1.0}
    nobody = await calls.inspect(
        "POST", f"calls/{connection}/say", {"participant": "4:+14255550199", "text": "x"}
    )
    assert nobody.status == 400
    await calls.ask("DELETE", f"/{connection}")


async def test_speech_interrupts_a_prompt_where_it_may(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.far_ends(playMs=10_000)
    await calls.recognize(
        connection,
        recognizeInputType="speech",
        options={"interruptPrompt": True},
        playPrompts=[PROMPT, PROMPT],
    )

    await calls.does(connection, "say", participant=PHONE, text="stop")

    assert (await receiver.event("RecognizeCompleted"))["data"]["speechResult"]["speech"] == "stop"


async def test_keys_do_not_disturb_a_recognition_of_speech(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    await calls.recognize(connection, recognizeInputType="speech")
    await calls.until_seen(connection, lambda call: call["media"] == ["recognize"])

    await calls.does(connection, "press", participant=PHONE, tones="1")
    await calls.does(connection, "say", participant=PHONE, text="yes")

    assert (await receiver.event("RecognizeCompleted"))["data"]["recognitionType"] == "speech"


async def test_what_inspection_shows_of_far_ends_can_be_set_again(calls: CallsCaller) -> None:
    says = ["yes", {"text": "no", "confidence": 1}, None]
    await calls.far_ends({PHONE: {"says": says}}, interToneTimeout="failed", frameMs=5)

    shown = (await calls.inspect("GET", "farEnds")).json
    again = await calls.inspect("PUT", "farEnds", shown)

    assert (again.status, again.json) == (200, shown)
    assert shown["farEnds"][PHONE]["says"] == [
        {"text": "yes", "confidence": None},
        {"text": "no", "confidence": 1.0},
        None,
    ]


async def test_speech_needs_an_endpoint_and_choices(
    calls: CallsCaller, receiver: Receiver, connection: str
) -> None:
    without = await calls.connected(receiver, PHONE)
    for kind in ("speech", "choices", "speechOrDtmf"):
        refused = await calls.recognize(without, recognizeInputType=kind)
        assert refused.error[:2] == (400, "400")
        assert "cognitiveServicesEndpoint" in refused.error[2]
    no_choice = await calls.recognize(connection, recognizeInputType="choices")
    assert no_choice.error[:2] == (400, "400")
    for wrong in ({"label": "", "phrases": ["a"]}, {"label": "a", "phrases": []}):
        refused = await calls.recognize(
            connection, recognizeInputType="choices", options={"choices": [wrong]}
        )
        assert refused.error[:2] == (400, "400")
