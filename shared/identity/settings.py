"""The settings of identities: which calling tokens are issued, the app of Teams users, and Teams
resource accounts."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from shared.identity.resource_accounts import ResourceAccount, read_resource_accounts
from shared.settings_reader import SettingsReader

SCOPES = ("chat", "chat.join", "chat.join.limited", "voip", "voip.join")
# Minutes; ACS itself accepts no others (reference: expiresInMinutes 60..1440).
MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES = 60, 1440


class IdentitySettings(NamedTuple):
    """
    Attributes:
        token_scopes: the scopes that every caller may request, and the default.
        token_scopes_by_role: the scopes that a caller with an app role may request besides.
        token_minutes, token_max_minutes: the default and the longest lifetime of a token.
        teams_app_id: the Entra app that Teams users sign in with, or empty.
        resource_accounts: the Teams resource accounts that this service calls as and answers for.
    """

    token_scopes: frozenset[str]
    token_scopes_by_role: Mapping[str, frozenset[str]]
    token_minutes: int
    token_max_minutes: int
    teams_app_id: str
    resource_accounts: tuple[ResourceAccount, ...]


def read_identity_settings(reader: SettingsReader) -> IdentitySettings:
    minutes = reader.integer("TOKEN_LIFETIME_MINUTES", 60, MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES)
    most = reader.integer(
        "TOKEN_MAX_LIFETIME_MINUTES", MAX_TOKEN_MINUTES, MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES
    )
    if minutes > most:
        reader.fault("TOKEN_LIFETIME_MINUTES", "is above TOKEN_MAX_LIFETIME_MINUTES")
    return IdentitySettings(
        token_scopes=_scopes(reader),
        token_scopes_by_role=_scopes_by_role(reader),
        token_minutes=minutes,
        token_max_minutes=most,
        teams_app_id=reader.guid("TEAMS_APP_ID", "the Entra app that Teams users sign in with"),
        resource_accounts=read_resource_accounts(reader),
    )


def _scopes(reader: SettingsReader) -> frozenset[str]:
    scopes = frozenset(reader.items("TOKEN_SCOPES")) or frozenset({"voip"})
    if not scopes <= set(SCOPES):
        reader.fault("TOKEN_SCOPES", f"knows only {', '.join(SCOPES)}")
    return scopes


def _scopes_by_role(reader: SettingsReader) -> dict[str, frozenset[str]]:
    text = reader.text("TOKEN_SCOPES_BY_ROLE")
    try:
        listed_by_role = json.loads(text) if text else {}
        found = {role: frozenset(scopes) for role, scopes in listed_by_role.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        found = {"": frozenset({""})}
    if not frozenset().union(*found.values()) <= set(SCOPES):
        message = f'is not {{"Role": ["…"]}} of {", ".join(SCOPES)}'
        reader.fault("TOKEN_SCOPES_BY_ROLE", message)
    return found
