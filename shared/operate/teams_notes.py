"""What the doctor says about Teams Phone, and about what Microsoft ends in 2028."""

from collections.abc import Sequence
from importlib.metadata import version

from shared.identity.resource_accounts import SETTING as ACCOUNTS
from shared.identity.resource_accounts import ResourceAccount
from shared.operate.health import Check
from shared.problems import Problem
from shared.settings import Settings
from shared.teams_phone.acs import RESOURCE_ACCOUNT_WORDS, Assignments
from shared.teams_phone.settings import SETTING as VOICE_APPS
from shared.upstream.clients import Upstream

GRANT = "python -m shared.operate.teams_phone grant"
# The date of Microsoft's guide to the retirements of ACS (September 2026).
_END = "2028-09-30"
_SDKS = ("azure-communication-callautomation", "azure-communication-identity")


class ConsentMissing(Problem):
    """ACS serves a Teams resource account only after consent; without it calls stay silent."""

    title = "ACS has no consent to serve this Teams resource account."


def consent_checks(settings: Settings, upstream: Upstream) -> dict[str, Check]:
    """For each Teams resource account: may the ACS resource call as it, and answer for it?"""
    assignments = Assignments(settings.upstream, upstream)

    def check_of(account: ResourceAccount) -> Check:
        async def check() -> None:
            found = await assignments.find(account.tenant, account.id)
            if found is None or found.principal_type not in RESOURCE_ACCOUNT_WORDS:
                raise ConsentMissing

        return check

    return {
        f"consent for the Teams resource account {account.id}": check_of(account)
        for account in settings.identity.resource_accounts
    }


def teams_notes(settings: Settings) -> list[str]:
    """What only an administrator of the Teams tenant can see, and what ends in 2028."""
    return [
        *_notes_on_accounts(settings),
        *_notes_on_voice_apps(settings),
        *_notes_on_end(settings),
    ]


def administrators_lines(accounts: Sequence[ResourceAccount], resource_id: str) -> list[str]:
    """The administrator's lines for Teams PowerShell, and the other things to do there."""
    tied = f"-ApplicationId BOT_APP_ID -AcsResourceId {resource_id}"
    lines = [
        "New-CsOnlineApplicationInstance -UserPrincipalName NAME@DOMAIN -DisplayName NAME"
        " -ApplicationId BOT_APP_ID, for an account that does not exist yet"
    ]
    for account in accounts:
        lines += [
            f"Set-CsOnlineApplicationInstance -Identity {account.id} {tied}",
            f"Sync-CsOnlineApplicationInstance -ObjectId {account.id} {tied}",
        ]
    return [
        *lines,
        "a phone number for the account; the licence Teams Phone Resource Account; to call out on"
        " Calling Plans also Pay-As-You-Go Calling Plan",
        "BOT_APP_ID is the app of a bot registration (Azure Bot) that has the Teams channel;"
        " without the channel ACS answers 403, code 10105",
    ]


def _notes_on_accounts(settings: Settings) -> list[str]:
    accounts = settings.identity.resource_accounts
    if not accounts:
        return []
    resource_id = settings.upstream.resource_id
    return [
        f"note: {ACCOUNTS}, what only the administrator of the Teams tenant sees: {line}"
        for line in administrators_lines(accounts, resource_id)
    ]


def _notes_on_voice_apps(settings: Settings) -> list[str]:
    if not settings.teams_phone.voice_apps:
        return []
    resource_id = settings.upstream.resource_id or "IMMUTABLE_RESOURCE_ID"
    notes = [
        f"note: {VOICE_APPS} needs, of the administrator of the Teams tenant:"
        " Set-CsTeamsAcsFederationConfiguration -EnableAcsUsers $true"
        f" -AllowedAcsResources {resource_id}"
    ]
    if "voip" not in settings.identity.token_scopes:
        notes.append(
            f"note: {VOICE_APPS} can be called with the scope voip only, which TOKEN_SCOPES lacks"
        )
    return notes


def _notes_on_end(settings: Settings) -> list[str]:
    notes, chatting = [], _settings_with_chat(settings)
    if chatting:
        notes.append(
            f"note: warning: {' and '.join(chatting)} gives scopes of chat, which ends on {_END}"
        )
    ending = [*chatting, *_settings_of_calls_that_end(settings)]
    named = f" ({', '.join(ending)})" if ending else ""
    sdks = " and ".join(f"{name} {version(name)}" for name in _SDKS)
    notes.append(
        f"note: on {_END} Microsoft ends {len(ending)} of the settings in use{named}: see"
        " docs/after-2028.md. What goes on needs new major versions of its SDKs, of which none for"
        f" Python exists yet ({sdks} are installed)"
    )
    return notes


def _settings_with_chat(settings: Settings) -> list[str]:
    identity = settings.identity
    by_role = [scope for scopes in identity.token_scopes_by_role.values() for scope in scopes]
    given = {"TOKEN_SCOPES": identity.token_scopes, "TOKEN_SCOPES_BY_ROLE": by_role}
    return [name for name, scopes in given.items() if any(map(_is_chat, scopes))]


def _is_chat(scope: str) -> bool:
    return scope.startswith("chat")


def _settings_of_calls_that_end(settings: Settings) -> list[str]:
    calls = settings.calls
    found = ["CALLER_ID_NUMBER"] if calls.caller_id else []
    if calls.standalone and calls.callback_base:
        found.append("STANDALONE_CALLS, which is true")
    return found
