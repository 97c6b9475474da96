"""The settings of calls to bots: how Event Grid proves itself, and what a bot plays and offers."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from shared.bot_calls.scripts import BotScript
from shared.settings_reader import SettingsReader
from shared.urls import is_safe_url

_OF_SCRIPTS = ("BOT_GREETING", "BOT_MENU", "BOT_VOICE", "BOTS")
# Characters of a key by which Event Grid proves itself.
MIN_KEY_LENGTH = 32
# Where Entra publishes the keys that sign a tenant's tokens, those of version 1 and of version 2.
_ENTRA_KEYS_URL = "https://login.microsoftonline.com/{}/discovery/v2.0/keys"
_KEY = r"[!-+\-.-~]+"  # visible ASCII, but no comma: it separates two keys


class BotCallSettings(NamedTuple):
    """The part of the settings that is about calls to bots.

    Attributes:
        default: what all bots say that have no script of their own.
        bots: the scripts of the others, by the ids of the bots.
        event_grid_keys: a delivery with one of these keys comes from Event Grid. There are several
            while one replaces another.
        event_grid_audiences, event_grid_tenant: the audiences and the tenant of Event Grid's Entra
            tokens; both are set, or neither.
        entra_keys_url: where the keys that sign those tokens are published.
    """

    default: BotScript
    bots: Mapping[str, BotScript]
    event_grid_keys: tuple[str, ...]
    event_grid_audiences: tuple[str, ...]
    event_grid_tenant: str
    entra_keys_url: str

    def __repr__(self) -> str:
        return "BotCallSettings(…)"

    @property
    def answers_calls(self) -> bool:
        """Is there a bot that could say something?"""
        return bool(self.default.greeting or self.bots)

    def script_of(self, bot: str) -> BotScript:
        """What a bot says and offers, by its id."""
        return self.bots.get(bot, self.default)

    @property
    def can_verify_event_grid(self) -> bool:
        """Do the settings hold a key or a tenant by which Event Grid proves itself?"""
        return bool(self.event_grid_keys or self.event_grid_tenant)


def read_bot_call_settings(reader: SettingsReader) -> BotCallSettings:
    default, bots = _read_scripts(reader)
    audiences, tenant, keys_url = _read_entra(reader)
    return BotCallSettings(
        default=default,
        bots=bots,
        event_grid_keys=_read_keys(reader),
        event_grid_audiences=audiences,
        event_grid_tenant=tenant,
        entra_keys_url=keys_url,
    )


def _read_scripts(reader: SettingsReader) -> tuple[BotScript, Mapping[str, BotScript]]:
    """The script of all bots without their own, and those of the others."""
    if not any(map(reader.text, _OF_SCRIPTS)):
        return BotScript(), {}
    from shared.bot_calls.menus import read_default_script, read_scripts

    default = read_default_script(reader)
    return default, read_scripts(reader, default.voice)


def _read_keys(reader: SettingsReader) -> tuple[str, ...]:
    keys = reader.items("EVENT_GRID_KEY")
    is_good = all(len(key) >= MIN_KEY_LENGTH and re.fullmatch(_KEY, key) for key in keys)
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
