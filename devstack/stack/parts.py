"""What a stack consists of: how each part is started, and how to see that it answers."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.files import ROOT
from devstack.installation.bootstrap import clean_environment
from devstack.issuer.managed_identity import LIFETIME, PATH, managed_identity_token
from devstack.issuer.sign_ins import teams_token
from devstack.issuer.tokens import ACS_AUDIENCE, API_AUDIENCE, issuer_key
from devstack.issuer.users import STACK_USERS, object_id
from devstack.stack import azurite
from devstack.stack.certificates import Certificates
from devstack.stack.environment import overlaid
from devstack.stack.probes import Probe
from devstack.stack.state_folder import State
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
    TEAMS_APP_ID,
)

# Whose Teams token is in stack.json.
TEAMS_USER = "alice"

# In whose name the app schedules meetings.
MEETING_ORGANIZER = "dave"


@dataclass(frozen=True)
class Part:
    name: str
    command: list[str]
    probes: tuple[Probe, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The caller's, so that an app setting can be tried out by exporting it; ours win."""
        return overlaid(clean_environment(), self.settings) | {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Plan:
    """One stack's addresses, and the parts that serve them."""

    state: State
    ports: Mapping[str, int]
    certificates: Certificates
    with_host: bool

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['host']}/api"

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.ports['issuer']}"

    @property
    def acs(self) -> str:
        return f"http://127.0.0.1:{self.ports['acs']}"

    @property
    def acs_tls(self) -> str:
        return f"https://127.0.0.1:{self.ports['acsTls']}"

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
        }

    def managed_identity_settings(self) -> dict[str, str]:
        """The same without a key for ACS, and over TLS, as in Azure.

        Tables keep theirs: Azurite takes a token over TLS only, and on one port it speaks either
        TLS or the http that everybody else uses.
        """
        return {
            "COMMUNICATION_ENDPOINT": self.acs_tls,
            **self._common_settings(),
            "GRAPH_ENDPOINT": self.graph_tls,
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
            # Examples: somebody's own, of the environment, are tried in their place; also none.
            "BOT_GREETING": os.environ.get("BOT_GREETING", BOT_GREETING),
            "BOT_MENU": os.environ.get("BOT_MENU", BOT_MENU),
            # Graph knows no keys: the app has a managed identity even where ACS has one.
            "IDENTITY_ENDPOINT": self.identity_endpoint,
            "IDENTITY_HEADER": IDENTITY_HEADER,
            # DefaultAzureCredential would try others first, and on a laptop find one of them.
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }

    def emulators(self) -> tuple[Part, ...]:
        """The parts that need no other part to start."""
        return (self._issuer(), self._tables(), self._acs(), self._graph())

    def _issuer(self) -> Part:
        port = self.ports["issuer"]
        options = {"--port": port, "--key-file": self.state.issuer_key}
        return Part(
            "issuer",
            [*_python("devstack.issuer", options), "--stop-with-stdin"],
            (Probe(port, "/.well-known/openid-configuration"),),
        )

    def _tables(self) -> Part:
        port = self.ports["tables"]
        # What it answers to a request without credentials does not matter.
        probe = Probe(port, f"/{azurite.ACCOUNT}", good=range(100, 500))
        return Part("tables", azurite.command(port=port, folder=self.state.tables), (probe,))

    def _acs(self) -> Part:
        options = {
            "--database": self.state.acs_database,
            "--key-file": self.state.acs_key,
            "--callback-key-file": self.state.acs_callback_key,
            "--event-webhook": f"{self.api}/incomingCalls",
        }
        return self._emulator("acs", "devstack.acs_emulator", options)

    def _graph(self) -> Part:
        options = {"--database": self.state.graph_database}
        return self._emulator("graph", "devstack.graph_emulator", options)

    def _emulator(self, name: str, module: str, options: Mapping[str, object]) -> Part:
        port, tls_port = self.ports[name], self.ports[f"{name}Tls"]
        usual = {
            "--port": port,
            "--tls-port": tls_port,
            "--certificate": self.certificates.server,
            "--issuer": self.issuer,
        }
        path = "/_emulator/state"
        return Part(
            name,
            [*_python(module, {**usual, **options}), "--stop-with-stdin"],
            (Probe(port, path), Probe(tls_port, path, trust=self.certificates.authority)),
        )

    def provision(self) -> Part:
        """Makes the tables, and ends."""
        return Part("provision", _python("shared.provision", {}), settings=self.settings())

    def host(self) -> Part:
        port = self.ports["host"]
        options = {"--app": ROOT, "--port": port, "--cors": "*"}
        return Part(
            "host",
            [*_python("devstack.functions_host", options), "--stop-with-stdin"],
            (Probe(port, "/api/health"),),
            self.settings(),
        )

    def description(self, pids: Mapping[str, int]) -> dict[str, object]:
        """stack.json: all that a program needs to use this stack."""
        key = issuer_key(self.state.issuer_key)
        return {
            **({"api": self.api} if self.with_host else {}),
            "issuer": self.issuer,
            "acs": self.acs,
            "acsTls": self.acs_tls,
            # Microsoft's Python from_connection_string drops the scheme and speaks https.
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
                # As good for as long as acsBearer: nobody should have to fetch it anew while the
                # stack runs.
                "token": teams_token(
                    key, issuer=self.issuer, user_id=TEAMS_USER, lifetime=LIFETIME
                ),
            },
            "users": {
                user.id: {"id": user.id, "displayName": user.display_name} for user in STACK_USERS
            },
            "pids": {"dev": os.getpid(), **pids},
        }


def _python(module: str, options: Mapping[str, object]) -> list[str]:
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", module, *words]
