"""On which ports a stack listens: the default ones, or its own, and then for good."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from tests.devstack.commands.dev_process import DevRun

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

type Start = Callable[..., DevRun]
type Dev = Callable[..., CompletedProcess[str]]

DEFAULT_PORT_TAKEN = re.compile(r"dev.py: port (707\d|1000[02]) \(\w+\) is taken: ")


def test_ports_default_means_the_default_ports_whatever_is_kept(dev: Dev, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "ports.json").write_text('{"issuer": 1}')
    with _listening_on(7072):  # no test may count on it to be free
        refused = dev("run", "--ports", "default", "--state", str(state))

    assert refused.returncode == 1
    assert DEFAULT_PORT_TAKEN.match(refused.stderr)
    assert (state / "ports.json").read_text() == '{"issuer": 1}'


@pytest.mark.parametrize("ports", [("--ports", "auto"), ()])
def test_a_kept_port_that_is_taken_is_told_in_one_line(
    dev_run: Start, tmp_path: Path, ports: tuple[str, ...]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with _taken_port() as port:
        (state / "ports.json").write_text(json.dumps({"issuer": port}))
        run = dev_run(state, ports=ports)

        assert run.exit_code(seconds=60) == 1
        assert f"port {port} (issuer), kept in " in run.output
        assert len(run.output.splitlines()) == 1


def test_a_default_port_that_is_taken_is_told_with_the_way_out(dev: Dev, tmp_path: Path) -> None:
    with _listening_on(7072):
        refused = dev("run", "--state", str(tmp_path / "state"))

    assert refused.returncode == 1
    assert DEFAULT_PORT_TAKEN.match(refused.stderr)
    assert "--ports auto" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "state" / "ports.json").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"host": "x"}'])
def test_a_damaged_ports_file_costs_the_ports_and_no_more(tmp_path: Path, content: str) -> None:
    folder = StateFolder(tmp_path)
    folder.ports_file.write_text(content)

    chosen = folder.kept_ports()

    assert chosen.keys() == DEFAULT_PORTS.keys()
    assert len(set(chosen.values())) == len(chosen)
    assert folder.kept_ports() == chosen


def test_a_stack_starts_where_the_ports_file_is_damaged(running: DevRun) -> None:
    kept = json.loads((running.state / "ports.json").read_text())

    assert len(set(kept.values())) == len(DEFAULT_PORTS)
    assert running.stack["issuer"] == f"http://127.0.0.1:{kept['issuer']}"


@contextmanager
def _taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@contextmanager
def _listening_on(port: int) -> Iterator[None]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody's stack runs on this machine: taken just as well
            listener.bind(("127.0.0.1", port))
            listener.listen()
        yield
