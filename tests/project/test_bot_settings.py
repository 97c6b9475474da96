"""The setting `BOTS`: each bot its greeting, menu and voice, and every fault named."""

import json

import pytest

from shared.bot_calls.choices import Connect, ConnectAgent, HangUp
from shared.bot_calls.scripts import BotScript, Menu
from shared.bot_calls.settings import BotCallSettings
from shared.calls.spoken import DEFAULT_VOICE
from shared.settings import load
from tests.project.settings_world import GOOD, faults

AUDIO = "https://audio.example.com/hello.wav"
AGENT = "cccccccc-0000-4000-8000-00000000000C"
SPEECH = {"COGNITIVE_SERVICES_ENDPOINT": "https://speech.example.com"}


def given(**bots: object) -> dict[str, str]:
    return {**SPEECH, "BOTS": json.dumps(bots)}


def read(bots: dict[str, object], **changes: str) -> BotCallSettings:
    return load({**GOOD, **given(**bots), **changes}).bot_calls


def test_a_bot_has_its_own_greeting_menu_and_voice() -> None:
    menu = {"1": {"connect": "carol"}, "2": {"agent": AGENT}, "0": "hang up"}
    helpdesk = {"greeting": "Hello.", "menu": menu, "voice": "de-DE-KatjaNeural"}

    settings = read({"helpdesk": helpdesk})

    wanted = Menu("", {"1": Connect("carol"), "2": ConnectAgent(AGENT.lower()), "0": HangUp()})
    assert settings.script_of("helpdesk") == BotScript("Hello.", "de-DE-KatjaNeural", wanted)
    assert settings.answers_calls
    assert "Hello" not in repr(settings)


def test_all_others_have_what_is_said_for_all() -> None:
    of_all = {
        "BOT_GREETING": "Welcome.",
        "BOT_MENU": '{"0": "hang up"}',
        "BOT_VOICE": "en-GB-RyanNeural",
    }

    settings = read({"helpdesk": {"greeting": "Hello."}}, **of_all)

    assert settings.script_of("sales") == settings.script_of("") == settings.default
    assert settings.default == BotScript("Welcome.", "en-GB-RyanNeural", Menu("", {"0": HangUp()}))
    assert settings.script_of("helpdesk") == BotScript("Hello.", "en-GB-RyanNeural", Menu())


def test_a_menu_needs_no_menu_of_all_and_no_greeting_of_all() -> None:
    settings = read({"helpdesk": {"greeting": AUDIO}}, COGNITIVE_SERVICES_ENDPOINT="")

    assert settings.script_of("helpdesk") == BotScript(AUDIO, DEFAULT_VOICE, Menu())
    assert not settings.script_of("sales").greeting
    assert not load({**GOOD, "BOTS": "{}"}).bot_calls.answers_calls


@pytest.mark.parametrize("text", ["not json", "[]", "7", "[" * 100_000])
def test_what_is_no_object_is_a_fault(text: str) -> None:
    assert list(faults(BOTS=text)) == ["BOTS"]


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (7, ""),
        ({"greeting": "Hello.", "gretting": "Hello."}, ""),
        ({}, ".greeting"),
        ({"menu": {"0": "hang up"}}, ".greeting"),
        ({"greeting": ""}, ".greeting"),
        ({"greeting": "http://audio.example.com/hello.wav"}, ".greeting"),
        ({"greeting": 7}, ".greeting"),
        ({"greeting": "x" * 5001}, ".greeting"),
        ({"greeting": "Hello.", "voice": "Katja, please"}, ".voice"),
        ({"greeting": "Hello.", "voice": None}, ".voice"),
        ({"greeting": "Hello.", "menu": None}, ".menu"),
        ({"greeting": "Hello.", "menu": {}}, ".menu"),
        ({"greeting": "Hello.", "menu": {"1": {"agent": "carol"}}}, ".menu"),
        ({"greeting": "Hello.", "menu": {"1": {"agent": AGENT, "connect": "carol"}}}, ".menu"),
        ({"greeting": "Hello.", "menu": {"1": {"connect": "+14255550177"}}}, ".menu"),
    ],
)
def test_what_is_wrong_of_a_bot_is_named_and_no_bot(entry: object, wrong: str) -> None:
    found = faults(**given(sales={"greeting": "Sales."}, helpdesk=entry))

    assert list(found) == [f"BOTS[1]{wrong}"]
    assert not any(word in text for text in found.values() for word in ("14255550177", "please"))


@pytest.mark.parametrize("bot", ["", "x" * 257, "\ud800"])
def test_what_no_bot_can_be_called_is_a_fault(bot: str) -> None:
    assert list(faults(**given(**{bot: {"greeting": "Hello."}}))) == ["BOTS[0]"]


def test_the_texts_of_a_bot_need_who_speaks_them() -> None:
    found = faults(BOTS=json.dumps({"helpdesk": {"greeting": "Hello."}}))

    assert list(found) == ["COGNITIVE_SERVICES_ENDPOINT"]
    assert "BOTS" in found["COGNITIVE_SERVICES_ENDPOINT"]
