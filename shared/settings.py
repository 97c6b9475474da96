"""All settings: each package reads its part, and all faults are reported at once.

No `repr` and no message holds a secret.
"""

from collections.abc import Mapping
from typing import NamedTuple

from shared.auth.settings import AuthSettings, read_auth_settings
from shared.bot_calls.settings import BotCallSettings, read_bot_call_settings
from shared.calls.settings import CallSettings, read_call_settings
from shared.identity.resource_accounts import SETTING as RESOURCE_ACCOUNTS
from shared.identity.settings import IdentitySettings, read_identity_settings
from shared.meetings.settings import MeetingSettings, read_meeting_settings
from shared.settings_reader import SettingsReader
from shared.teams_phone.settings import TeamsPhoneSettings, read_teams_phone_settings
from shared.upstream.settings import UpstreamSettings, read_upstream_settings
from shared.urls import hostname, is_loopback

# The keys of the local stack begin with this; they are public.
_LOCAL_STACK_PREFIX = "devstack-"
# The endpoints of ACS resources in Azure for the US government.
_GOVERNMENT = ".azure.us"
# What Azure's own parts read, and this service does not: the Functions host, and Microsoft's
# credential.
_OF_THE_PLATFORM = (
    *("AzureWebJobsStorage", "TIDY_SCHEDULE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"),
    *("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS"),
)


class Settings(NamedTuple):
    """All settings, checked.

    Attributes:
        has_api_docs: whether the page of the API's description is shown. Its scripts run where the
            API is, and people give it their bearer tokens, so it is off by default.
    """

    upstream: UpstreamSettings
    auth: AuthSettings
    identity: IdentitySettings
    meetings: MeetingSettings
    calls: CallSettings
    bot_calls: BotCallSettings
    teams_phone: TeamsPhoneSettings
    has_api_docs: bool = False


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check all settings.

    Raises:
        SettingsError: some are wrong; it names each of them.
    """
    reader = SettingsReader(environment)
    settings = Settings(
        upstream=read_upstream_settings(reader),
        auth=read_auth_settings(reader),
        identity=read_identity_settings(reader),
        meetings=read_meeting_settings(reader),
        calls=read_call_settings(reader),
        bot_calls=read_bot_call_settings(reader),
        teams_phone=read_teams_phone_settings(reader),
        has_api_docs=reader.flag("API_DOCS"),
    )
    for name in _OF_THE_PLATFORM:
        reader.text(name)  # records a fault if it is a placeholder
    _check_together(settings, reader)
    reader.raise_faults()
    return settings


def _check_together(settings: Settings, reader: SettingsReader) -> None:
    """Check the rules between settings of different packages."""
    if settings.calls.callback_base and not settings.upstream.resource_id:
        fault = "is missing, and CALLBACK_BASE_URL needs it"
        reader.fault("COMMUNICATION_RESOURCE_ID", fault)
    is_public = any(
        key.startswith(_LOCAL_STACK_PREFIX) for key in settings.bot_calls.event_grid_keys
    )
    if is_public and not is_loopback(settings.upstream.communication_endpoint):
        reader.fault("EVENT_GRID_KEY", "is that of the local stack, which everybody knows")
    _check_resource_accounts(settings, reader)


def _check_resource_accounts(settings: Settings, reader: SettingsReader) -> None:
    accounts, upstream = settings.identity.resource_accounts, settings.upstream
    if accounts and not upstream.resource_id:
        # Teams ties an account to it, and the raw id of an agent holds it.
        fault = f"is missing, and {RESOURCE_ACCOUNTS} needs it"
        reader.fault("COMMUNICATION_RESOURCE_ID", fault)
    if accounts and (hostname(upstream.communication_endpoint) or "").endswith(_GOVERNMENT):
        # Microsoft's SDK for Python drops the cloud of an account (reference: "Outbound").
        reader.fault(RESOURCE_ACCOUNTS, "works in Azure's public cloud only")
    realms = {issuer.realm for issuer in settings.auth.issuers}
    for n, account in enumerate(accounts):
        if account.realm_among(realms) is None:
            fault = "belongs to none of the issuers, so nobody could call as the account"
            reader.fault(f"{RESOURCE_ACCOUNTS}[{n}].tenant", fault)
