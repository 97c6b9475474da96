"""The settings of calls to bots: how Event Grid proves itself, and what a bot plays and offers."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.calls.spoken import DEFAULT_VOICE, MAX_TEXT_LENGTH, is_playable, is_url
from shared.principals import MAX_ID_LENGTH
from shared.settings_reader import E164, SettingsReader
from shared.texts import is_unicode
from shared.urls import is_safe_url

# Characters of a key by which Event Grid proves itself.
MIN_KEY_LENGTH = 32
# Where Entra publishes the keys that sign a tenant's tokens, those of version 1 and of version 2.
_ENTRA_KEYS_URL = "https://login.microsoftonline.com/{}/discovery/v2.0/keys"
_TONES = "0123456789*#"
_KEY = re.compile(r"[!-+\-.-~]+")  # visible ASCII, but no comma: it separates two keys
_VOICE = re.compile("[A-Za-z0-9:._-]{1,128}")
_MENU_FORMAT = (
    'has to be JSON such as {"1": {"connect": "a user\'s id, never a number"}, "2": {"say":'
    ' "a text, or an https URL"}, "0": "hang up"}, with a "prompt" beside them, said like "say"'
)


@dataclass(frozen=True)
class Connect:
    """Invite a user of the bot's realm: by their id, never by a phone number."""

    user: str


@dataclass(frozen=True)
class Say:
    """Play the audio at a URL, or speak a text; then the caller may choose again."""

    url_or_text: str


@dataclass(frozen=True)
class HangUp:
    """End the call."""


type Choice = Connect | Say | HangUp


@dataclass(frozen=True)
class Menu:
    """The tones that a caller may press, and what each does.

    Attributes:
        prompt: a URL or a text that is played before every choice. If it is empty, the greeting is
            played instead, but not a second time before the first choice.
        choices: by tone: `0` to `9`, `*`, `#`.
    """

    prompt: str = ""
    choices: Mapping[str, Choice] = MappingProxyType({})

    @property
    def urls_and_texts(self) -> Iterable[str]:
        """Everything that it plays or speaks."""
        said = [choice for choice in self.choices.values() if isinstance(choice, Say)]
        return (self.prompt, *(choice.url_or_text for choice in said))


@dataclass(frozen=True)
class BotCallSettings:
    """The part of the settings that is about calls to bots.

    Attributes:
        greeting: a URL or a text; if it is empty, no call is answered.
        voice: the voice that speaks the texts.
        event_grid_keys: a delivery with one of these keys comes from Event Grid. There are several
            while one replaces another.
        event_grid_audiences, event_grid_tenant: the audiences and the tenant of Event Grid's Entra
            tokens; both are set, or neither.
        entra_keys_url: where the keys that sign those tokens are published.
    """

    greeting: str = field(repr=False)
    voice: str
    menu: Menu = field(repr=False)
    event_grid_keys: tuple[str, ...] = field(repr=False)
    event_grid_audiences: tuple[str, ...]
    event_grid_tenant: str
    entra_keys_url: str

    @property
    def can_verify_event_grid(self) -> bool:
        """Do the settings hold a key or a tenant by which Event Grid proves itself?"""
        return bool(self.event_grid_keys or self.event_grid_tenant)


def read_bot_call_settings(reader: SettingsReader) -> BotCallSettings:
    greeting, menu = reader.text("BOT_GREETING"), _read_menu(reader)
    if greeting and not is_playable(greeting):
        reader.fault(
            "BOT_GREETING",
            f"is neither an https URL nor a text of at most {MAX_TEXT_LENGTH} characters",
        )
    if reader.text("BOT_MENU") and not greeting:
        needed = "is missing, and BOT_MENU needs it: it says what may be pressed"
        reader.fault("BOT_GREETING", needed)
    needs_speech = any(text and not is_url(text) for text in (greeting, *menu.urls_and_texts))
    if needs_speech and not reader.text("COGNITIVE_SERVICES_ENDPOINT"):
        reader.fault(
            "COGNITIVE_SERVICES_ENDPOINT",
            "is missing, and speaks the texts of BOT_GREETING and BOT_MENU",
        )
    voice = reader.text("BOT_VOICE") or DEFAULT_VOICE
    if not _VOICE.fullmatch(voice):
        reader.fault("BOT_VOICE", f"is no name of a voice such as {DEFAULT_VOICE}")
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
    is_good = all(len(key) >= MIN_KEY_LENGTH and _KEY.fullmatch(key) for key in keys)
    if not is_good or (reader.text("EVENT_GRID_KEY") and not keys):
        fault = f"needs {MIN_KEY_LENGTH} characters or more, visible and of ASCII"
        reader.fault("EVENT_GRID_KEY", fault)
    return keys


def _read_entra(reader: SettingsReader) -> tuple[tuple[str, ...], str, str]:
    """The audiences, the tenant, and the URL of the tenant's keys."""
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
    return audiences, tenant, keys_url or _ENTRA_KEYS_URL.format(tenant)


def _read_menu(reader: SettingsReader) -> Menu:
    text = reader.text("BOT_MENU")
    if not text:
        return Menu()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        reader.fault("BOT_MENU", _MENU_FORMAT)
        return Menu()
    prompt = document.pop("prompt", "")
    choices = {tone: _read_choice(tone, value) for tone, value in document.items()}
    wrong = [tone for tone, choice in choices.items() if choice is None and tone in set(_TONES)]
    if prompt != "" and not is_playable(prompt):
        wrong.append("prompt")
    if not choices.keys() <= set(_TONES):  # not quoted: one may be somebody's phone number
        wrong.append("what is no tone of 0-9, * and #")
    if wrong or not choices:
        reader.fault("BOT_MENU", f"{_MENU_FORMAT}; wrong here: {', '.join(wrong) or 'it is empty'}")
        return Menu()
    return Menu(prompt, {tone: choice for tone, choice in choices.items() if choice is not None})


def _read_choice(tone: str, value: object) -> Choice | None:
    """The choice of a tone; None if the tone or the value is wrong."""
    if tone not in set(_TONES):
        return None
    match value:
        case "hang up":
            return HangUp()
        case {"say": url_or_text, **rest} if not rest and is_playable(url_or_text):
            return Say(url_or_text)
        case {"connect": str(user), **rest} if not rest and _is_user(user):
            return Connect(user)
    return None


def _is_user(user: str) -> bool:
    """Is this a user's id? A phone number is refused: whoever writes one expects it to be called,
    but it would only be looked up as an id."""
    return 0 < len(user) <= MAX_ID_LENGTH and is_unicode(user) and not E164.fullmatch(user)
