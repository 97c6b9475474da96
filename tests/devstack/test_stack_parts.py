"""How the parts of a stack are started, and what is said when one dies.

With `--slow`, tests/devstack/commands/test_dev_run.py kills one of a whole stack.
"""

import os
from pathlib import Path

import pytest

from devstack.stack.certificates import Certificates
from devstack.stack.parts import Part, emulators
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from devstack.stack.supervisor import PartDied, Supervisor
from tests.devstack.commands.dev_process import left


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


async def test_a_part_that_dies_ends_the_stack_with_its_last_words(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.logs.mkdir()
    supervisor = Supervisor(folder, os.open(os.devnull, os.O_RDONLY))
    dying = Part("dying", ["sh", "-c", "echo its last words; kill -KILL $$"])
    for part in (Part("other", ["sh", "-c", "read forever"]), dying):
        await supervisor.start(part)
    parts = supervisor.pids

    with pytest.raises(PartDied) as died:
        await supervisor.end
    await supervisor.stop(print)

    assert parts.keys() == {"other", "dying"}
    assert "dying was ended by SIGKILL" in str(died.value)
    assert "its last words" in str(died.value)
    assert left(parts) == []
