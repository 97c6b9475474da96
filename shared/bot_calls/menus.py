"""Reads from the settings what bots say and offer."""

import json
import re
from collections.abc import Iterable, Mapping

from shared.bot_calls.choices import Choice, Connect, ConnectAgent, HangUp, Say
from shared.bot_calls.scripts import BotScript, Menu
from shared.calls.spoken import DEFAULT_VOICE, MAX_TEXT_LENGTH, is_playable, is_url
from shared.principals import MAX_ID_LENGTH
from shared.settings_reader import E164, SettingsReader, is_guid
from shared.texts import is_unicode

_TONES = "0123456789*#"
_VOICE = "[A-Za-z0-9:._-]{1,128}"
_MENU_FORMAT = (
    'has to be JSON such as {"1": {"connect": "a user\'s id, never a number"}, "2": {"say":'
    ' "a text, or an https URL"}, "3": {"agent": "the object id of a Teams user"}, "0": "hang up"},'
    ' with a "prompt" beside them, said like "say"'
)
_NO_GREETING = f"is neither an https URL nor a text of at most {MAX_TEXT_LENGTH} characters"
_NO_VOICE = f"is not the name of a voice such as {DEFAULT_VOICE}"
_NEEDED_BY_MENU = "is missing, and {} needs it: it says which keys to press"
_BOTS_FORMAT = (
    'has to be JSON such as {"helpdesk": {"greeting": "a text, or an https URL", "menu": {…},'
    ' "voice": "…"}}; menu and voice may be missing'
)


def read_default_script(reader: SettingsReader) -> BotScript:
    """The script of `BOT_GREETING`, `BOT_MENU` and `BOT_VOICE`, of all bots without their own."""
    greeting, text = reader.text("BOT_GREETING"), reader.text("BOT_MENU")
    menu = _read_menu(_parsed(text), "BOT_MENU", reader) if text else Menu()
    voice = reader.text("BOT_VOICE") or DEFAULT_VOICE
    if greeting and not is_playable(greeting):
        reader.fault("BOT_GREETING", _NO_GREETING)
    if text and not greeting:
        reader.fault("BOT_GREETING", _NEEDED_BY_MENU.format("BOT_MENU"))
    if not re.fullmatch(_VOICE, voice):
        reader.fault("BOT_VOICE", _NO_VOICE)
    script = BotScript(greeting, voice, menu)
    _check_speech("BOT_GREETING and BOT_MENU", [script], reader)
    return script


def read_scripts(reader: SettingsReader, default_voice: str) -> Mapping[str, BotScript]:
    """The scripts of `BOTS`, by the ids of the bots.

    A fault names a bot by its place in the list, because an id may say who somebody is.
    """
    text = reader.text("BOTS")
    document = _parsed(text) if text else {}
    if not isinstance(document, dict):
        reader.fault("BOTS", _BOTS_FORMAT)
        return {}
    scripts = dict[str, BotScript]()
    for n, (bot, entry) in enumerate(document.items()):
        label = f"BOTS[{n}]"
        if not 0 < len(bot) <= MAX_ID_LENGTH or not is_unicode(bot):
            reader.fault(
                label, f"has a key that is no id of a bot, of 1 to {MAX_ID_LENGTH} characters"
            )
        elif not isinstance(entry, dict) or not entry.keys() <= {"greeting", "menu", "voice"}:
            reader.fault(label, _BOTS_FORMAT)
        else:
            scripts[bot] = _read_script(entry, label, default_voice, reader)
    _check_speech("BOTS", scripts.values(), reader)
    return scripts


def _read_script(
    entry: Mapping[str, object], label: str, default_voice: str, reader: SettingsReader
) -> BotScript:
    greeting, voice = entry.get("greeting", ""), entry.get("voice", default_voice)
    if not isinstance(greeting, str) or not is_playable(greeting):
        reader.fault(f"{label}.greeting", _NO_GREETING)
        greeting = ""
    if not isinstance(voice, str) or not re.fullmatch(_VOICE, voice):
        reader.fault(f"{label}.voice", _NO_VOICE)
        voice = default_voice
    menu = _read_menu(entry["menu"], f"{label}.menu", reader) if "menu" in entry else Menu()
    return BotScript(greeting, voice, menu)


def _check_speech(setting: str, scripts: Iterable[BotScript], reader: SettingsReader) -> None:
    """Texts need the service that speaks them."""
    if any(map(_needs_speech, scripts)) and not reader.text("COGNITIVE_SERVICES_ENDPOINT"):
        reader.fault(
            "COGNITIVE_SERVICES_ENDPOINT", f"is missing, and speaks the texts of {setting}"
        )


def _needs_speech(script: BotScript) -> bool:
    said = [
        choice.url_or_text for choice in script.menu.choices.values() if isinstance(choice, Say)
    ]
    return any(text and not is_url(text) for text in (script.greeting, script.menu.prompt, *said))


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_menu(document: object, setting: str, reader: SettingsReader) -> Menu:
    if not isinstance(document, dict):
        reader.fault(setting, _MENU_FORMAT)
        return Menu()
    prompt = document.get("prompt", "")
    tones = {tone: value for tone, value in document.items() if tone != "prompt"}
    choices = {tone: _read_choice(tone, value) for tone, value in tones.items()}
    wrong = [tone for tone, choice in choices.items() if choice is None and tone in set(_TONES)]
    if prompt != "" and not is_playable(prompt):
        wrong.append("prompt")
    if not choices.keys() <= set(_TONES):  # not quoted: one may be somebody's phone number
        wrong.append("a key other than 0-9, *, # and prompt")
    if wrong or not choices:
        reader.fault(setting, f"{_MENU_FORMAT}; wrong here: {', '.join(wrong) or 'it is empty'}")
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
        case {"agent": str(agent), **rest} if not rest and is_guid(agent):
            return ConnectAgent(agent.lower())
    return None


def _is_user(user: str) -> bool:
    """Is this a user's id? A phone number is refused: it would be looked up as an id, and never
    called."""
    return 0 < len(user) <= MAX_ID_LENGTH and is_unicode(user) and not re.fullmatch(E164, user)
