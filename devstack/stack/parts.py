"""The parts of a stack: how each is started, and how to see that it answers."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from devstack.files import ROOT
from devstack.installation.bootstrap import clean_environment
from devstack.stack import azurite
from devstack.stack.environment import with_settings
from devstack.stack.plan import Plan
from devstack.stack.probes import Probe
from devstack.well_known import (
    TEAMS_ACCOUNT_ID,
    TEAMS_ACCOUNT_NUMBER,
    TEAMS_VOICE_APP_ID,
    TENANT_ID,
)


@dataclass(frozen=True)
class Part:
    """A process of the stack.

    Args:
        probes: the requests that it answers when it is ready.
        settings: of the app, for the parts that need them.
        saves_at_the_end: whether it writes data when it is stopped; exit code 1 if it cannot.
    """

    name: str
    command: list[str]
    probes: tuple[Probe, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    saves_at_the_end: bool = False

    def environment(self) -> dict[str, str]:
        """That of dev.py, so that people can try a setting of the app by exporting it; but settings
        of the stack replace it.
        """
        return with_settings(clean_environment(), self.settings) | {"PYTHONUNBUFFERED": "1"}


def emulators(plan: Plan) -> tuple[Part, ...]:
    """The parts that can start at the same time, because they need no other part."""
    parts = (_issuer(plan), _tables(plan), _acs(plan), _graph(plan), _web(plan))
    return (*parts, _blobs(plan)) if plan.with_blobs else parts


def _issuer(plan: Plan) -> Part:
    port, tls_port = plan.ports["issuer"], plan.ports["issuerTls"]
    path = "/.well-known/openid-configuration"
    options = {
        "--port": port,
        "--tls-port": tls_port,
        "--certificate": plan.certificates.server,
        "--key-file": plan.folder.issuer_key,
    }
    schemes = [f"--redirect-scheme={scheme}" for scheme in plan.redirect_schemes]
    return Part(
        "issuer",
        [*_python("devstack.issuer", options), *schemes, "--stop-with-stdin"],
        (Probe(port, path), Probe(tls_port, path, trust=plan.certificates.authority)),
    )


def _tables(plan: Plan) -> Part:
    return _azurite(plan, "tables", "table", None if plan.in_memory else plan.folder.tables)


def _blobs(plan: Plan) -> Part:
    return _azurite(plan, "blobs", "blob", plan.folder.blobs)


def _azurite(plan: Plan, name: str, service: str, folder: Path | None) -> Part:
    port = plan.ports[name]
    # Any answer to a request without credentials is good.
    probe = Probe(port, f"/{azurite.ACCOUNT}", accepted=range(100, 500))
    command = azurite.command(port=port, folder=folder, service=service)
    return Part(name, command, (probe,), saves_at_the_end=True)


def _acs(plan: Plan) -> Part:
    options = {
        "--database": plan.folder.acs_database,
        "--key-file": plan.folder.acs_key,
        "--callback-key-file": plan.folder.acs_callback_key,
        "--event-webhook": f"{plan.api}/incomingCalls",
        "--graph": plan.graph,
        "--teams-account": f"{TEAMS_ACCOUNT_NUMBER}={TENANT_ID}/{TEAMS_ACCOUNT_ID}",
        "--voice-app": TEAMS_VOICE_APP_ID,
    }
    return _emulator(plan, "acs", "devstack.acs_emulator", options)


def _graph(plan: Plan) -> Part:
    options = {"--database": plan.folder.graph_database}
    return _emulator(plan, "graph", "devstack.graph_emulator", options)


def _web(plan: Plan) -> Part:
    port = plan.ports["web"]
    options = {
        "--port": port,
        "--page": plan.folder.page,
        "--api": plan.api,
        "--issuer": plan.issuer,
        "--calling": plan.calling,
        "--log": plan.folder.log("web"),
    }
    # It sends everybody to localhost. (Asked there, it would make the page: that is for a visitor.)
    probe = Probe(port, "/", accepted=(HTTPStatus.TEMPORARY_REDIRECT,))
    return Part("web", [*_python("devstack.web", options), "--stop-with-stdin"], (probe,))


def _emulator(plan: Plan, name: str, module: str, options: Mapping[str, object]) -> Part:
    port, tls_port = plan.ports[name], plan.ports[f"{name}Tls"]
    usual = {
        "--port": port,
        "--tls-port": tls_port,
        "--certificate": plan.certificates.server,
        "--issuer": plan.issuer,
    }
    path = "/_emulator/state"
    return Part(
        name,
        [*_python(module, {**usual, **options}), "--stop-with-stdin"],
        (Probe(port, path), Probe(tls_port, path, trust=plan.certificates.authority)),
    )


def provision(plan: Plan) -> Part:
    """The part that makes the tables, and then ends."""
    return Part("provision", _python("shared.operate.provision", {}), settings=plan.settings())


def host(plan: Plan) -> Part:
    port = plan.ports["host"]
    options = {"--app": ROOT, "--port": port, "--cors": "*"}
    return Part(
        "host",
        [*_python("devstack.functions_host", options), "--stop-with-stdin"],
        (Probe(port, "/api/health"),),
        plan.settings(),
    )


def _python(module: str, options: Mapping[str, object]) -> list[str]:
    arguments = [str(argument) for option in options.items() for argument in option]
    return [sys.executable, "-m", module, *arguments]
