"""The settings of calls: what may be dialled, played and spoken, and where ACS reaches us."""

import re
from typing import NamedTuple

from shared.bounds import CALLS_TO_ACCOUNT, LEGS, LIVE_CALLS, MOST_COUNTED
from shared.calls.spoken import DEFAULT_VOICE, MAX_TEXT_LENGTH, is_playable, is_url
from shared.settings_reader import E164, SettingsReader

# The issuer of the tokens on ACS's callbacks, and where it publishes its keys (reference: "JWT on
# callbacks").
CALLBACK_ISSUER = "https://acscallautomation.communication.azure.com"
CALLBACK_JWKS_URL = f"{CALLBACK_ISSUER}/calling/keys"

_PREFIX = r"\+[1-9][0-9]{0,14}"
_HOST = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+"


class CallSettings(NamedTuple):
    """The part of the settings that is about calls.

    Attributes:
        caller_id: an E.164 number of the resource, or empty.
        standalone: whether calls without a Teams resource account are placed and answered.
        dial_prefixes: phone numbers that begin with one of these may be called; none by default.
        max_live_calls: how many calls of one caller may go on at the same time.
        max_to_account: how many calls to one Teams resource account may go on at the same time.
        max_legs: how many people, bots and numbers one caller may call and invite in a minute.
        play_hosts: the hosts that audio may be fetched from, in lower case.
        speech_endpoint: the endpoint of Azure AI services for text to speech; or empty.
        retention_days: how long an ended call is kept, counted from when it was placed.
        callback_base: the base URL where ACS reaches this app, without a slash at the end; or
            empty.
        callback_issuer, callback_keys_url: the issuer of the callbacks' tokens, and its keys.
        recording_notice: a URL or a text that is played before a recording; or empty.
        notice_voice: the voice that speaks it.
        recording_storage: where the files of recordings are, instead of at Microsoft's hosts; or
            empty.
    """

    caller_id: str
    standalone: bool
    dial_prefixes: tuple[str, ...]
    max_live_calls: int
    max_to_account: int
    max_legs: int
    play_hosts: frozenset[str]
    speech_endpoint: str
    retention_days: int
    callback_base: str
    callback_issuer: str
    callback_keys_url: str
    recording_notice: str
    notice_voice: str
    recording_storage: str

    def __repr__(self) -> str:
        return "CallSettings(…)"


def read_call_settings(reader: SettingsReader) -> CallSettings:
    caller_id = reader.text("CALLER_ID_NUMBER")
    if caller_id and not re.fullmatch(E164, caller_id):
        reader.fault("CALLER_ID_NUMBER", "is not a number such as +14255550100")
    prefixes = _items_or_none("DIAL_PREFIXES", reader)
    if not all(re.fullmatch(_PREFIX, prefix) for prefix in prefixes):
        reader.fault("DIAL_PREFIXES", "is not a list such as +1425,+44; none by default")
    hosts = frozenset(host.lower() for host in _items_or_none("PLAY_SOURCE_HOSTS", reader))
    if not all(re.fullmatch(_HOST, host) for host in hosts):
        reader.fault("PLAY_SOURCE_HOSTS", "is not a list of host names such as sounds.example.com")
    return CallSettings(
        caller_id=caller_id,
        standalone=reader.flag("STANDALONE_CALLS", default=True),
        dial_prefixes=prefixes,
        max_live_calls=reader.integer(LIVE_CALLS.setting, LIVE_CALLS.number, 1, MOST_COUNTED),
        max_to_account=reader.integer("MAX_CALLS_PER_ACCOUNT", CALLS_TO_ACCOUNT, 1, MOST_COUNTED),
        max_legs=reader.integer(LEGS.setting, LEGS.number, 1, MOST_COUNTED),
        play_hosts=hosts,
        speech_endpoint=reader.url("COGNITIVE_SERVICES_ENDPOINT"),
        retention_days=reader.integer("CALL_RETENTION_DAYS", 30, 1, 3650),
        callback_base=reader.url("CALLBACK_BASE_URL"),
        callback_issuer=reader.url("CALLBACK_ISSUER") or CALLBACK_ISSUER,
        callback_keys_url=reader.url("CALLBACK_JWKS_URL") or CALLBACK_JWKS_URL,
        recording_notice=_read_notice(reader),
        notice_voice=reader.text("BOT_VOICE") or DEFAULT_VOICE,  # the bots' settings check it
        recording_storage=reader.url("RECORDING_STORAGE_URL"),
    )


def _read_notice(reader: SettingsReader) -> str:
    notice = reader.text("RECORDING_NOTICE")
    if notice and not is_playable(notice):
        limit = f"is neither an https URL nor a text of at most {MAX_TEXT_LENGTH} characters"
        reader.fault("RECORDING_NOTICE", limit)
    elif notice and not is_url(notice) and not reader.text("COGNITIVE_SERVICES_ENDPOINT"):
        needed = "is missing, and speaks the text of RECORDING_NOTICE"
        reader.fault("COGNITIVE_SERVICES_ENDPOINT", needed)
    return notice


def _items_or_none(name: str, reader: SettingsReader) -> tuple[str, ...]:
    """The parts between commas; no part if the setting is the word `none`."""
    items = reader.items(name)
    return () if items == ("none",) else items
