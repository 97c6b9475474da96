"""One rule for names, titles, subjects and spaces: nothing that is hidden, and whole letters."""

import json
import random
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from shared.identity.contract import BotBody
from shared.meetings.contract import MeetingBody
from shared.sharing.contract import AudienceBody, GroupCallBody, InvitationsQuery
from shared.texts import is_plain, visible

FLAG, END = "\U0001f3f4", "\U000e007f"


def tags(region: str) -> str:
    return "".join(chr(0xE0000 + ord(letter)) for letter in region)


WHOLE = {
    "flags": [f"{FLAG}{tags(region)}{END}" for region in ("gbeng", "gbsct", "gbwls")],
    "other flags": [
        "\U0001f1e9\U0001f1ea",
        f"{FLAG}\u200d\u2620\ufe0f",
        "\U0001f3f3\ufe0f\u200d\U0001f308",
    ],
    "emoji": [
        "\U0001f469\u200d\U0001f4bb",
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f\u200d\U0001f525",
        "\U0001f642\u200d\u2194\ufe0f",
        "1\ufe0f\u20e3",
        "\u00a9\ufe0f",
        "\U0001fae9",  # of Unicode 16
    ],
    "Persian": ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0647\u200d."],
    "Hindi": ["\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937"],
    "Bengali": ["\u09b0\u200d\u09cd\u09af"],
    "Sinhala": ["\u0dc1\u0dca\u200d\u0dbb\u0dd3"],
    "Malayalam": ["\u0d28\u0d4d\u200d"],
    "Mongolian": ["\u1820\u180b", "\u182e\u180e\u1820"],
    "Han": ["\u845b\U000e0100"],
    "Arabic numbers": ["\u0600\u0661\u0662"],
    "plain": ["Zo\u00eb \u0106", "\u05e9\u05dc\u05d5\u05dd", "a & b", "e\u0301"],
}


@pytest.mark.parametrize("texts", WHOLE.values(), ids=WHOLE)
def test_what_makes_a_letter_or_an_emoji_stays(texts: list[str]) -> None:
    for text in texts:
        assert visible(text) == text, ascii(text)
        assert visible(f" {text} {text}") == f"{text} {text}"


def test_ascii_is_shown_but_for_its_control_characters() -> None:
    """It is read in a faster way than other texts, to which a letter beyond it belongs."""
    for character in map(chr, range(128)):
        shown = "" if unicodedata.category(character) == "Cc" else character
        for rest in ("b", "\u0107"):
            assert visible(f"a{character}{rest} ") == f"a{shown}{rest}", ascii(character)


# Marks of direction, soft hyphen, spaces and joiners without width, byte order mark, embeddings.
HIDDEN = "\u200e\u200f\u00ad\u200b\u2060\ufeff\u061c\u202a\u202c\u2066\u2069\u034f\u3164\U000e0001"


@pytest.mark.parametrize("hidden", HIDDEN, ids=[f"{ord(c):x}" for c in HIDDEN])
def test_what_cannot_be_seen_goes_wherever_a_text_comes_from(hidden: str) -> None:
    pasted = f"{hidden}Ca{hidden}fe {hidden}"
    audience = {"space": pasted}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    times = {
        "startsAt": tomorrow.isoformat(),
        "endsAt": (tomorrow + timedelta(hours=1)).isoformat(),
    }
    meeting = {"externalId": "x", "subject": pasted, **times, "audience": audience}
    call = {"groupId": str(uuid.uuid4()), "title": pasted, "audience": audience}

    scheduled = MeetingBody.model_validate_json(json.dumps(meeting))
    shared = GroupCallBody.model_validate_json(json.dumps(call))

    assert visible(pasted) == "Cafe"
    assert (scheduled.subject, shared.title, shared.audience.space) == ("Cafe", "Cafe", "Cafe")
    assert BotBody.model_validate({"displayName": pasted}).display_name == "Cafe"
    assert InvitationsQuery.model_validate({"space": pasted}).space == "Cafe"
    with pytest.raises(ValidationError, match="visible text"):
        BotBody.model_validate({"displayName": hidden})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Al\u200dice", "Alice"),
        ("Al\u200cice", "Alice"),
        ("Al\ufe0fice", "Alice"),
        ("\u200d\u200c\ufe0f", ""),
        (" \u200b ", ""),
        ("\U0001f469\u200d", "\U0001f469"),
        ("\U0001f469\u200c\U0001f4bb", "\U0001f469\U0001f4bb"),
        ("\u0645\u200c\u200c\u200c\u062e", "\u0645\u200c\u062e"),
        ("\u2764\ufe0f\ufe0f\ufe0f", "\u2764\ufe0f"),
        (f"{FLAG}{tags('gbeng')}", FLAG),  # not ended
        (f"{FLAG}{tags('attack at dawn')}{END}", FLAG),
        (f"x{tags('gbeng')}{END}", "x"),
        ("a\x00b\nc\u2028d\ud800e", "abcde"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_a_joiner_that_joins_nothing_goes_too(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_is_cut_between_emoji_and_not_through_them() -> None:
    england = f"{FLAG}{tags('gbeng')}{END}"

    assert visible(f"abc{england}", 10) == f"abc{england}"
    assert visible(f"abc{england}", 9) == f"abc{FLAG}"
    assert visible("ab\U0001f469\u200d\U0001f4bb", 4) == "ab\U0001f469"


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\u2028b", "\u202egnp.exe", "\x7f"])
def test_control_characters_are_refused_where_somebody_can_be_told(text: str) -> None:
    assert not is_plain(text)
    with pytest.raises(ValidationError, match="visible text"):
        AudienceBody.model_validate({"space": text})


def test_cleaning_twice_changes_nothing_and_leaves_nothing_hidden() -> None:
    chance = random.Random(16)
    alphabet = "ab 1\u0301\u0645\u0915\u094d\u1820\u845b\u2764\U0001f469\U0001f4bb\U0001f3fd"
    alphabet += "\u200c\u200d\ufe0f\u180b\U000e0100\u200b\u200e\x00" + FLAG + tags("gben") + END
    for _ in range(3000):
        text = "".join(chance.choices(alphabet, k=chance.randrange(9)))
        shown = visible(text)
        assert visible(shown) == shown, ascii(text)
        assert all(c in text for c in shown)
        if shown:
            assert any(unicodedata.category(c)[0] in "LMNPS" for c in shown), ascii(text)
