"""The settings of Teams Phone: the voice apps that people may call with one click."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

from shared.settings_reader import SettingsReader, is_guid
from shared.texts import is_plain

SETTING = "TEAMS_VOICE_APPS"
MAX_NAME_LENGTH = 64
type Kind = Literal["autoAttendant", "callQueue"]
type Cloud = Literal["public", "dod", "gcch"]
KINDS = ("autoAttendant", "callQueue")
# As `MicrosoftTeamsAppIdentifier` of the client SDK spells them.
CLOUDS = ("public", "dod", "gcch")
_KNOWN = ("id", "name", "kind", "cloud")
_EXAMPLE = '[{"id": "an object id", "name": "Front desk", "kind": "callQueue"}]'


class VoiceApp(NamedTuple):
    """An auto attendant or call queue of Teams.

    Attributes:
        id: object id of its resource account; the client SDK calls it `teamsAppId`.
    """

    id: str
    name: str
    kind: Kind
    cloud: Cloud


class TeamsPhoneSettings(NamedTuple):
    voice_apps: tuple[VoiceApp, ...]


def read_teams_phone_settings(reader: SettingsReader) -> TeamsPhoneSettings:
    entries = enumerate(reader.objects(SETTING, _EXAMPLE))
    apps = tuple(_read_entry(entry, f"{SETTING}[{n}]", reader) for n, entry in entries)
    for what, values in (("id", [app.id for app in apps]), ("name", [app.name for app in apps])):
        if len(set(values)) < len(values):
            reader.fault(SETTING, f"has the same {what} twice")
    return TeamsPhoneSettings(apps)


def _read_entry(entry: Mapping[str, object], label: str, reader: SettingsReader) -> VoiceApp:
    if not entry.keys() <= set(_KNOWN):
        reader.fault(label, f"has something unknown; known: {', '.join(_KNOWN)}")
    values = {name: entry.get(name, "") for name in _KNOWN} | {
        "cloud": entry.get("cloud", CLOUDS[0])
    }
    for name, is_good, needed in (
        ("id", isinstance(values["id"], str) and is_guid(values["id"]), "a GUID (an object id)"),
        ("name", _is_name(values["name"]), f"a text of 1 to {MAX_NAME_LENGTH} characters"),
        ("kind", values["kind"] in KINDS, f"one of {', '.join(KINDS)}"),
        ("cloud", values["cloud"] in CLOUDS, f"one of {', '.join(CLOUDS)}"),
    ):
        if not is_good:
            reader.fault(f"{label}.{name}", f"is not {needed}")
    return VoiceApp(
        str(values["id"]).lower(),
        str(values["name"]),
        cast("Kind", values["kind"]),
        cast("Cloud", values["cloud"]),
    )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH and is_plain(name)
