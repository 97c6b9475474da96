"""On which ports a stack listens: the default ones, or its own, and then for good."""

import json
import os
import random
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from devstack.commands.arguments import FIRST_PORTS, NUMBER_OF_PORTS
from devstack.stack.listeners import who_listens
from devstack.stack.port_choice import choose_ports
from devstack.stack.ports import DEFAULT_PORTS, FREE_PORTS, consecutive, is_free
from devstack.stack.state_folder import StackError, StateFolder
from tests.devstack.commands.dev_process import EARLIER_ISSUER, DevRun

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

type Start = Callable[..., DevRun]
type Dev = Callable[..., CompletedProcess[str]]

DEFAULT_PORT_TAKEN = re.compile(r"dev.py: port (707\d|1000[02]) \(\w+\) is taken( by .+)?: ")


def test_ports_default_means_the_default_ports_whatever_is_kept(
    warm_dev: Dev, tmp_path: Path
) -> None:
    """And a start that is refused removes nothing, not even with --fresh."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "ports.json").write_text('{"issuer": 1}')
    with _listening_on(7072):  # no test may count on it to be free
        refused = warm_dev("run", "--fresh", "--ports", "default", "--state", str(state))

    assert refused.returncode == 1
    assert DEFAULT_PORT_TAKEN.match(refused.stderr)
    assert "--ports 8070" in refused.stderr
    assert (state / "ports.json").read_text() == '{"issuer": 1}'


@pytest.mark.parametrize("ports", [("--ports", "auto"), ()])
def test_a_kept_port_that_is_taken_is_told_in_one_line(
    warm_dev: Dev, tmp_path: Path, ports: tuple[str, ...]
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with _taken_port() as port:
        (state / "ports.json").write_text(json.dumps({"issuer": port}))
        refused = warm_dev("run", *ports, "--state", str(state))

        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"port {port} (issuer) is taken by " in refused.stderr
        assert f"(pid {os.getpid()}): it is kept in {state / 'ports.json'}. " in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert [path.name for path in state.iterdir()] == ["ports.json"]
        assert json.loads((state / "ports.json").read_text()) == {"issuer": port}


def test_a_default_port_that_is_taken_is_told_with_the_way_out(
    warm_dev: Dev, tmp_path: Path
) -> None:
    with _listening_on(7072):
        refused = warm_dev("run", "--state", str(tmp_path / "new" / "state"))

    assert refused.returncode == 1
    assert DEFAULT_PORT_TAKEN.match(refused.stderr)
    assert "--ports auto" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{", "[]", '{"host": "x"}'])
def test_a_damaged_ports_file_costs_the_ports_and_no_more(tmp_path: Path, content: str) -> None:
    folder = StateFolder(tmp_path)
    folder.ports_file.write_text(content)

    chosen, to_keep = choose_ports(folder, "auto", with_host=True)
    folder.keep_ports(to_keep)

    assert chosen.keys() == DEFAULT_PORTS.keys()
    assert len(set(chosen.values())) == len(chosen)
    assert choose_ports(folder, None, with_host=True) == (chosen, {})


def test_a_stack_starts_where_the_ports_file_is_damaged(running: DevRun) -> None:
    kept = json.loads((running.state / "ports.json").read_text())

    assert len(set(kept.values())) == len(DEFAULT_PORTS)
    assert running.stack["issuer"] == f"http://127.0.0.1:{kept['issuer']}"


def test_other_ports_are_said_to_make_everybody_a_new_person(running: DevRun) -> None:
    issuer = running.stack["issuer"]

    said = f"note: with these ports the issuer is {issuer}, and was {EARLIER_ISSUER} at the last"
    assert said in running.output
    assert (running.state / "issuer.txt").read_text().strip() == issuer


def test_the_last_address_of_the_issuer_is_known_until_a_fresh_start(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    first, second = "http://127.0.0.1:7072", "http://127.0.0.1:8072"

    assert [folder.keep_issuer(one) for one in (first, first, second)] == ["", first, first]
    folder.make_fresh()
    assert folder.keep_issuer(first) == ""
    folder.issuer_file.write_bytes(b"\xff")  # damaged
    assert folder.keep_issuer(second) == ""


@pytest.mark.slow
def test_a_number_means_that_port_and_the_next_ones_which_are_kept(
    dev_run: Start, tmp_path: Path
) -> None:
    first = _first_of_free_ports()
    run = dev_run(tmp_path / "state", "--without-host", ports=("--ports", str(first)))

    stack = run.until_ready().stack

    assert stack["web"] == f"http://localhost:{first}"
    assert stack["issuer"] == f"http://127.0.0.1:{first + 2}"
    kept = StateFolder(tmp_path / "state")
    assert set(kept.kept_ports().values()) == set(range(first, first + NUMBER_OF_PORTS))
    # A later start takes them without being told, and is told who has them.
    holder = rf"by another local stack \(dev.py run, pid {run.process.pid}\)"
    with pytest.raises(StackError, match=holder):
        choose_ports(kept, None, with_host=True)


def test_ports_that_are_refused_are_not_kept(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.keep_ports({"issuer": 20001})
    with _taken_port() as port, pytest.raises(StackError, match=rf"port {port} \(web\) is taken"):
        choose_ports(folder, port, with_host=True)

    assert folder.kept_ports() == {"issuer": 20001}


def test_every_part_has_a_port_within_the_number_that_the_option_takes() -> None:
    assert len(DEFAULT_PORTS) == NUMBER_OF_PORTS
    assert max(consecutive(FIRST_PORTS[-1]).values()) == 65535


def test_nobody_is_named_who_does_not_listen() -> None:
    assert who_listens(_first_of_free_ports()) is None


def _first_of_free_ports() -> int:
    candidates = range(FREE_PORTS[0], FREE_PORTS[-1], NUMBER_OF_PORTS)
    shuffled = random.sample(candidates, len(candidates))
    return next(one for one in shuffled if all(map(is_free, consecutive(one).values())))


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
