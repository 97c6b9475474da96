"""The setting of voice apps: every fault is named, and no value repeated."""

import json

import pytest

from shared.settings import load
from shared.teams_phone.settings import VoiceApp
from tests.project.settings_world import GOOD, faults

ID, OTHER = "AAAAAAAA-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
ONE = {"id": ID, "name": "Front desk", "kind": "callQueue"}


def read(text: str) -> tuple[VoiceApp, ...]:
    return load({**GOOD, "TEAMS_VOICE_APPS": text}).teams_phone.voice_apps


def test_voice_apps_are_read_and_of_the_public_cloud_unless_it_is_said() -> None:
    other = {"id": OTHER, "name": "Sales", "kind": "autoAttendant", "cloud": "gcch"}

    assert read("") == read("[]") == ()
    assert read(json.dumps([ONE, other])) == (
        VoiceApp(ID.lower(), "Front desk", "callQueue", "public"),
        VoiceApp(OTHER, "Sales", "autoAttendant", "gcch"),
    )


@pytest.mark.parametrize("text", ["not json", "{}", "[7]", "[" * 100_000])
def test_what_is_no_list_is_a_fault(text: str) -> None:
    assert list(faults(TEAMS_VOICE_APPS=text)) == ["TEAMS_VOICE_APPS"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"id": "front-desk@contoso.example"}, ".id"),
        ({"id": 7777}, ".id"),
        ({"name": ""}, ".name"),
        ({"name": "x" * 65}, ".name"),
        ({"name": "two\nlines"}, ".name"),
        ({"name": None}, ".name"),
        ({"kind": "queue"}, ".kind"),
        ({"kind": ["callQueue"]}, ".kind"),
        ({"cloud": "moon"}, ".cloud"),
        ({"number": "+14255550177"}, ""),
    ],
)
def test_what_is_wrong_of_an_app_is_named_and_not_repeated(
    changes: dict[str, object], wrong: str
) -> None:
    found = faults(TEAMS_VOICE_APPS=json.dumps([{**ONE, **changes}]))

    assert list(found) == [f"TEAMS_VOICE_APPS[0]{wrong}"]
    assert not any(
        str(value) in text for value in changes.values() if value for text in found.values()
    )


@pytest.mark.parametrize("same", ["id", "name"])
def test_no_two_apps_have_one_id_or_name(same: str) -> None:
    other = {"id": OTHER, "name": "Sales", "kind": "callQueue", same: ONE[same]}

    assert (
        f"same {same} twice"
        in faults(TEAMS_VOICE_APPS=json.dumps([ONE, other]))["TEAMS_VOICE_APPS"]
    )
