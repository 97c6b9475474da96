"""How the parts of a stack are started."""

from pathlib import Path

from devstack.stack.certificates import Certificates
from devstack.stack.parts import emulators
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder


def commands(folder: Path, *schemes: str) -> dict[str, list[str]]:
    certificates = Certificates(folder / "ca.pem", folder / "server.pem")
    plan = Plan(
        StateFolder(folder), DEFAULT_PORTS, certificates, with_host=True, redirect_schemes=schemes
    )
    return {part.name: part.command for part in emulators(plan)}


def test_the_issuer_is_told_of_native_apps(tmp_path: Path) -> None:
    issuer = commands(tmp_path, "com.example.app", "msal1")["issuer"]

    assert "--redirect-scheme=com.example.app" in issuer
    assert "--redirect-scheme=msal1" in issuer
    assert not any("scheme" in one for one in commands(tmp_path)["issuer"])


def test_the_acs_emulator_is_told_where_meetings_are(tmp_path: Path) -> None:
    acs = commands(tmp_path)["acs"]

    assert acs[acs.index("--graph") + 1] == f"http://127.0.0.1:{DEFAULT_PORTS['graph']}"
