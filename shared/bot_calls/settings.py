"""The settings of incoming calls: who tells of them, and what a bot says to who calls it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.calls.settings import E164
from shared.principals import MAX_ID_LENGTH, is_unicode
from shared.settings_reader import SettingsReader
from shared.urls import is_safe_url

# Of Azure AI services, which have many more.
USUAL_VOICE = "en-US-JennyNeural"
# Characters of a key that proves who delivers.
SHORTEST_KEY = 32
# Entra's keys for a tenant's tokens, of both versions.
_ENTRA_KEYS = "https://login.microsoftonline.com/{}/discovery/v2.0/keys"
_LONGEST_TEXT = 5000
_TONES = "0123456789*#"
_KEY = re.compile(r"[!-+\-.-~]+")  # visible ASCII but the comma, which stands between two
_VOICE = re.compile("[A-Za-z0-9:._-]{1,128}")
_URL = re.compile("[a-z][a-z0-9+.-]*://|data:", re.IGNORECASE)
_SHAPE = (
    'has to be JSON such as {"1": {"connect": "a user\'s id, never a number"}, "2": {"say":'
    ' "a text, or an https URL"}, "0": "hang up"}, with a "prompt" beside them, said like "say"'
)


@dataclass(frozen=True)
class Connect:
    """Ring at a user of the bot's realm: an id, never a number."""

    user: str


@dataclass(frozen=True)
class Say:
    """Play the audio at a URL, or speak a text; then the caller may choose again."""

    what: str


@dataclass(frozen=True)
class HangUp:
    """End the call."""


type Choice = Connect | Say | HangUp


@dataclass(frozen=True)
class Menu:
    """What a caller may press.

    Attributes:
        prompt: is said before every choice. Where it is empty, that is the greeting, which is not
            said again before the first.
        choices: by tone: `0` to `9`, `*`, `#`.
    """

    prompt: str = ""
    choices: Mapping[str, Choice] = MappingProxyType({})

    @property
    def texts(self) -> Iterable[str]:
        """All that it plays or speaks: URLs and texts."""
        return (
            self.prompt,
            *(one.what for one in self.choices.values() if isinstance(one, Say)),
        )


@dataclass(frozen=True)
class BotCallSettings:
    """
    Attributes:
        greeting: a URL or a text; where it is empty no call is answered.
        voice: speaks the texts.
        event_grid_keys: each of them proves Event Grid; several while one replaces another.
        event_grid_audiences, event_grid_tenant: of Event Grid's Entra tokens; both or none.
        entra_keys_url: where the keys are that sign those tokens.
    """

    greeting: str = field(repr=False)
    voice: str
    menu: Menu = field(repr=False)
    event_grid_keys: tuple[str, ...] = field(repr=False)
    event_grid_audiences: tuple[str, ...]
    event_grid_tenant: str
    entra_keys_url: str

    @property
    def hears_of_calls(self) -> bool:
        """Is there a way for Event Grid to prove itself?"""
        return bool(self.event_grid_keys or self.event_grid_tenant)


def is_url(text: str) -> bool:
    """Is it the address of audio, and no text to be spoken?"""
    return _URL.match(text) is not None


def read_bot_call_settings(reader: SettingsReader) -> BotCallSettings:
    greeting, menu = reader.text("BOT_GREETING"), _read_menu(reader)
    if greeting and not _is_playable(greeting):
        reader.fault(
            "BOT_GREETING",
            f"is neither an https URL nor a text of at most {_LONGEST_TEXT} characters",
        )
    if reader.text("BOT_MENU") and not greeting:
        needed = "is missing, and BOT_MENU needs it: it says what may be pressed"
        reader.fault("BOT_GREETING", needed)
    speaks = any(text and not is_url(text) for text in (greeting, *menu.texts))
    if speaks and not reader.text("COGNITIVE_SERVICES_ENDPOINT"):
        reader.fault(
            "COGNITIVE_SERVICES_ENDPOINT",
            "is missing, and speaks the texts of BOT_GREETING and BOT_MENU",
        )
    voice = reader.text("BOT_VOICE") or USUAL_VOICE
    if not _VOICE.fullmatch(voice):
        reader.fault("BOT_VOICE", f"is no name of a voice such as {USUAL_VOICE}")
    audiences, tenant, keys_url = _read_entra(reader)
    return BotCallSettings(
        greeting=greeting,
        voice=voice,
        menu=menu,
        event_grid_keys=_read_keys(reader),
        event_grid_audiences=audiences,
        event_grid_tenant=tenant,
        entra_keys_url=keys_url,
    )


def _read_keys(reader: SettingsReader) -> tuple[str, ...]:
    keys = reader.items("EVENT_GRID_KEY")
    is_good = all(len(key) >= SHORTEST_KEY and _KEY.fullmatch(key) for key in keys)
    if not is_good or (reader.text("EVENT_GRID_KEY") and not keys):
        fault = f"needs {SHORTEST_KEY} characters or more, visible and of ASCII"
        reader.fault("EVENT_GRID_KEY", fault)
    return keys


def _read_entra(reader: SettingsReader) -> tuple[tuple[str, ...], str, str]:
    """Audiences, tenant, and where the tenant's keys are."""
    audiences = reader.items("EVENT_GRID_AUDIENCE")
    tenant = reader.guid("EVENT_GRID_TENANT", "an Entra tenant's id")
    for given, missing in (
        ("EVENT_GRID_AUDIENCE", "EVENT_GRID_TENANT"),
        ("EVENT_GRID_TENANT", "EVENT_GRID_AUDIENCE"),
        ("EVENT_GRID_JWKS_URL", "EVENT_GRID_AUDIENCE"),
    ):
        if reader.text(given) and not reader.text(missing):
            reader.fault(missing, f"is missing, and {given} needs it")
    if reader.text("EVENT_GRID_AUDIENCE") and not audiences:
        reader.fault("EVENT_GRID_AUDIENCE", "names no audience")
    keys_url = reader.text("EVENT_GRID_JWKS_URL")
    if keys_url and not is_safe_url(keys_url):
        reader.fault("EVENT_GRID_JWKS_URL", "is neither https nor on this machine")
    return audiences, tenant, keys_url or _ENTRA_KEYS.format(tenant)


def _read_menu(reader: SettingsReader) -> Menu:
    text = reader.text("BOT_MENU")
    if not text:
        return Menu()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        reader.fault("BOT_MENU", _SHAPE)
        return Menu()
    prompt = document.pop("prompt", "")
    choices = {tone: _read_choice(tone, given) for tone, given in document.items()}
    wrong = [tone for tone, choice in choices.items() if choice is None and tone in set(_TONES)]
    if prompt != "" and not _is_playable(prompt):
        wrong.append("prompt")
    if not choices.keys() <= set(_TONES):  # whatever they are: perhaps somebody's number
        wrong.append("what is no tone of 0-9, * and #")
    if wrong or not choices:
        reader.fault("BOT_MENU", f"{_SHAPE}; wrong here: {', '.join(wrong) or 'it is empty'}")
        return Menu()
    return Menu(prompt, {tone: choice for tone, choice in choices.items() if choice is not None})


def _read_choice(tone: str, given: object) -> Choice | None:
    """None for what is no choice, or under no tone."""
    if tone not in set(_TONES):
        return None
    match given:
        case "hang up":
            return HangUp()
        case {"say": what, **rest} if not rest and _is_playable(what):
            return Say(what)
        case {"connect": str(user), **rest} if not rest and _is_user(user):
            return Connect(user)
    return None


def _is_playable(what: object) -> bool:
    if not isinstance(what, str) or not 0 < len(what) <= _LONGEST_TEXT or not is_unicode(what):
        return False
    return is_safe_url(what) if is_url(what) else True


def _is_user(user: str) -> bool:
    """A number would be taken for somebody's id, and whoever wrote it means to have it dialled."""
    return 0 < len(user) <= MAX_ID_LENGTH and is_unicode(user) and not E164.fullmatch(user)
