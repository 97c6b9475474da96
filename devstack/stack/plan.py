"""The plan of a stack: its addresses, the settings that point the app at it, and stack.json."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devstack.issuer.audiences import ACS_AUDIENCE, API_AUDIENCE
from devstack.issuer.managed_identity import LIFETIME, PATH, managed_identity_token
from devstack.issuer.sign_ins import teams_token
from devstack.issuer.tokens import issuer_key
from devstack.issuer.users import STACK_USERS, object_id
from devstack.stack import azurite
from devstack.stack.certificates import Certificates
from devstack.stack.state_folder import StateFolder
from devstack.well_known import (
    ACS_ACCESS_KEY,
    ACS_CALLBACK_ISSUER,
    ACS_CALLBACK_KEYS_PATH,
    ACS_CALLER_ID,
    ACS_RESOURCE_ID,
    AUDIO_HOST,
    BOT_GREETING,
    BOT_MENU,
    DIAL_PREFIX,
    EVENT_KEY,
    IDENTITY_HEADER,
    SPEECH_ENDPOINT,
    TEAMS_ACCOUNT_ID,
    TEAMS_ACCOUNT_NUMBER,
    TEAMS_APP_ID,
    TEAMS_RESOURCE_ACCOUNTS,
    TEAMS_VOICE_APP_ID,
    TEAMS_VOICE_APPS,
    TENANT_ID,
    TIDY_SCHEDULE,
)

# The user whose Teams token is in stack.json.
TEAMS_USER = "alice"

# The user in whose name the app schedules meetings.
MEETING_ORGANIZER = "dave"


@dataclass(frozen=True)
class Plan:
    """The folder, ports and certificates of one stack, and everything that follows from them.

    Args:
        redirect_schemes: of native apps, to which the issuer may redirect.
        in_memory: whether tables are gone with the stack, which then has no blobs.
    """

    folder: StateFolder
    ports: Mapping[str, int]
    certificates: Certificates
    with_host: bool
    redirect_schemes: Sequence[str] = ()
    in_memory: bool = False

    @property
    def with_blobs(self) -> bool:
        """The Core Tools keep in blobs when timers ran; our own host keeps it in memory."""
        return not self.with_host and not self.in_memory

    @property
    def web(self) -> str:
        # By name: the Calling SDK refuses 127.0.0.1.
        return f"http://localhost:{self.ports['web']}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['host']}/api"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.ports['issuer']}"

    @property
    def issuer_tls(self) -> str:
        return f"https://127.0.0.1:{self.ports['issuerTls']}"

    @property
    def acs(self) -> str:
        return f"http://127.0.0.1:{self.ports['acs']}"

    @property
    def acs_tls(self) -> str:
        return f"https://127.0.0.1:{self.ports['acsTls']}"

    @property
    def calling(self) -> str:
        return f"ws://127.0.0.1:{self.ports['acs']}/_emulator/calling"

    @property
    def graph(self) -> str:
        return f"http://127.0.0.1:{self.ports['graph']}"

    @property
    def graph_tls(self) -> str:
        return f"https://127.0.0.1:{self.ports['graphTls']}"

    @property
    def identity_endpoint(self) -> str:
        return f"{self.issuer}{PATH}"

    def settings(self) -> dict[str, str]:
        """App settings that point the app at this stack."""
        return {
            "COMMUNICATION_CONNECTION_STRING": f"endpoint={self.acs}/;accesskey={ACS_ACCESS_KEY}",
            **self._common_settings(),
            "GRAPH_ENDPOINT": self.graph,
            "RECORDING_STORAGE_URL": self.acs,
        }

    def managed_identity_settings(self) -> dict[str, str]:
        """The same settings without a key for ACS, and with TLS, as in Azure.

        Tables keep their connection string: Azurite accepts tokens over TLS only, and its one port
        serves http, which all other clients use.
        """
        return {
            "COMMUNICATION_ENDPOINT": self.acs_tls,
            **self._common_settings(),
            "GRAPH_ENDPOINT": self.graph_tls,
            "RECORDING_STORAGE_URL": self.acs_tls,
            "SSL_CERT_FILE": str(self.certificates.authority),
        }

    def _common_settings(self) -> dict[str, str]:
        return {
            "COMMUNICATION_RESOURCE_ID": ACS_RESOURCE_ID,
            "TABLES_CONNECTION_STRING": azurite.connection_string(self.ports["tables"]),
            "AUTH_ISSUER": self.issuer,
            "AUTH_AUDIENCE": API_AUDIENCE,
            "TEAMS_APP_ID": TEAMS_APP_ID,
            "MEETING_ORGANIZER_ID": object_id(MEETING_ORGANIZER),
            "CALLER_ID_NUMBER": ACS_CALLER_ID,
            "DIAL_PREFIXES": DIAL_PREFIX,
            "PLAY_SOURCE_HOSTS": AUDIO_HOST,
            "COGNITIVE_SERVICES_ENDPOINT": SPEECH_ENDPOINT,
            "CALLBACK_BASE_URL": f"http://127.0.0.1:{self.ports['host']}",
            "CALLBACK_JWKS_URL": f"{self.acs}{ACS_CALLBACK_KEYS_PATH}",
            "EVENT_GRID_KEY": EVENT_KEY,
            "API_DOCS": "true",
            # Examples: the environment may replace them, also by an empty text for none.
            "TIDY_SCHEDULE": os.environ.get("TIDY_SCHEDULE", TIDY_SCHEDULE),
            "BOT_GREETING": os.environ.get("BOT_GREETING", BOT_GREETING),
            "BOT_MENU": os.environ.get("BOT_MENU", BOT_MENU),
            "TEAMS_RESOURCE_ACCOUNTS": os.environ.get(
                "TEAMS_RESOURCE_ACCOUNTS", TEAMS_RESOURCE_ACCOUNTS
            ),
            "TEAMS_VOICE_APPS": os.environ.get("TEAMS_VOICE_APPS", TEAMS_VOICE_APPS),
            # Graph has no keys, so the app needs a managed identity even if it has a key for ACS.
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": IDENTITY_HEADER,
            # Without it DefaultAzureCredential tries other credentials first, and on a laptop there
            # may be one.
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }

    def _for_other_hosts(self) -> dict[str, str]:
        return {"blobsConnectionString": azurite.connection_string(self.ports["blobs"], "blob")}

    def description(self, pids: Mapping[str, int]) -> dict[str, object]:
        """The content of stack.json: everything that a program needs to use this stack."""
        key = issuer_key(self.folder.issuer_key)
        return {
            **({"api": self.api} if self.with_host else {}),
            **(self._for_other_hosts() if self.with_blobs else {}),
            "web": self.web,
            "issuer": self.issuer,
            "issuerTls": self.issuer_tls,
            "acs": self.acs,
            "acsTls": self.acs_tls,
            # Microsoft's Python from_connection_string ignores the scheme and uses https.
            "acsConnectionString": f"endpoint={self.acs_tls}/;accesskey={ACS_ACCESS_KEY}",
            "acsBearer": managed_identity_token(key, issuer=self.issuer, resource=ACS_AUDIENCE),
            "callerId": ACS_CALLER_ID,
            "callbackIssuer": ACS_CALLBACK_ISSUER,
            "callbackJwksUrl": f"{self.acs}{ACS_CALLBACK_KEYS_PATH}",
            "graph": self.graph,
            "graphTls": self.graph_tls,
            "identityEndpoint": self.identity_endpoint,
            "identityHeader": IDENTITY_HEADER,
            "caFile": str(self.certificates.authority),
            "tablesConnectionString": azurite.connection_string(self.ports["tables"]),
            "settings": self.settings(),
            "managedIdentitySettings": self.managed_identity_settings(),
            "teams": {
                "appId": TEAMS_APP_ID,
                "userId": object_id(TEAMS_USER),
                "tenantId": TENANT_ID,
                "account": {"id": TEAMS_ACCOUNT_ID, "number": TEAMS_ACCOUNT_NUMBER},
                "voiceApp": TEAMS_VOICE_APP_ID,
                # Valid as long as acsBearer, so that nobody needs a new one while the stack runs.
                "token": teams_token(
                    key, issuer=self.issuer, user_id=TEAMS_USER, lifetime=LIFETIME
                ),
            },
            "users": {
                user.id: {"id": user.id, "displayName": user.display_name} for user in STACK_USERS
            },
            "pids": {"dev": os.getpid(), **pids},
        }
