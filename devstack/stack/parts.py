"""The parts of a stack: how each is started, and how to see that it answers."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.files import ROOT
from devstack.installation.bootstrap import clean_environment
from devstack.stack import azurite
from devstack.stack.environment import overlaid
from devstack.stack.plan import Plan
from devstack.stack.probes import Probe


@dataclass(frozen=True)
class Part:
    name: str
    command: list[str]
    probes: tuple[Probe, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The caller's, so that an app setting can be tried out by exporting it; ours win."""
        return overlaid(clean_environment(), self.settings) | {"PYTHONUNBUFFERED": "1"}


def emulators(plan: Plan) -> tuple[Part, ...]:
    """The parts that need no other part to start."""
    return (_issuer(plan), _tables(plan), _acs(plan), _graph(plan))


def _issuer(plan: Plan) -> Part:
    port = plan.ports["issuer"]
    options = {"--port": port, "--key-file": plan.state.issuer_key}
    return Part(
        "issuer",
        [*_python("devstack.issuer", options), "--stop-with-stdin"],
        (Probe(port, "/.well-known/openid-configuration"),),
    )


def _tables(plan: Plan) -> Part:
    port = plan.ports["tables"]
    # What it answers to a request without credentials does not matter.
    probe = Probe(port, f"/{azurite.ACCOUNT}", good=range(100, 500))
    return Part("tables", azurite.command(port=port, folder=plan.state.tables), (probe,))


def _acs(plan: Plan) -> Part:
    options = {
        "--database": plan.state.acs_database,
        "--key-file": plan.state.acs_key,
        "--callback-key-file": plan.state.acs_callback_key,
        "--event-webhook": f"{plan.api}/incomingCalls",
    }
    return _emulator(plan, "acs", "devstack.acs_emulator", options)


def _graph(plan: Plan) -> Part:
    options = {"--database": plan.state.graph_database}
    return _emulator(plan, "graph", "devstack.graph_emulator", options)


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
    """Makes the tables, and ends."""
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
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", module, *words]
