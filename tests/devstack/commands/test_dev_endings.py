"""However dev.py ends, it ends with a sentence or without a word: Ctrl-C, a reader that has gone,
an output that is full or cannot show a letter, and a fault of ours."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.devstack.commands.clones import (
    PYTHON,
    bootstrap_alone,
    only_line,
    started,
    with_ctrl_c_pressed,
    with_our_packages,
)
from tests.devstack.commands.dev_process import DEV, ROOT, default_signals, until

pytestmark = pytest.mark.emulators

ANSWER_SECONDS = 30


@pytest.mark.parametrize("python", [PYTHON, sys.executable])
def test_ctrl_c_at_the_first_moment_ends_it_without_a_word(python: str) -> None:
    """With the Python that somebody typed, and with that of `.venv`, which takes over from it."""
    with started(ROOT, "doctor", python=python, preexec_fn=with_ctrl_c_pressed) as process:
        _, said = process.communicate(timeout=ANSWER_SECONDS)

    assert (process.returncode, said) == (-signal.SIGINT, "")


def test_ctrl_c_while_it_looks_what_is_installed_ends_it_without_a_word(tmp_path: Path) -> None:
    root = with_our_packages(tmp_path)
    (root / "requirements-run.txt").unlink()
    os.mkfifo(root / "requirements-run.txt")  # held there until somebody writes

    with started(root, "doctor") as process, held_at(root / "requirements-run.txt"):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=ANSWER_SECONDS)

    assert (process.returncode, said) == (-signal.SIGINT, "")


def test_ctrl_c_in_a_command_ends_it_without_a_word(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stack.json")
    (tmp_path / "stack.lock").touch()

    token = ("token", "alice", "--state", str(tmp_path))
    with started(ROOT, *token) as process, held_at(tmp_path / "stack.json"):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=ANSWER_SECONDS)

    assert (process.returncode, said) == (130, "")


def test_ctrl_c_where_python_would_forget_it_ends_it_without_a_word(tmp_path: Path) -> None:
    """Python drops what is raised in callbacks of its own, of which imports have many."""
    (tmp_path / "importing.py").write_text(
        "import os, signal, weakref\n"
        "class Thing: pass\n"
        "thing = Thing()\n"
        "watched = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))\n"
        "del thing\n"
        "print('it goes on')\n"
    )
    with default_signals():
        ended = subprocess.run(
            [sys.executable, "-m", "devstack.commands.program", "importing"],
            env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_while_another_one_installs_says_what_the_next_start_does(tmp_path: Path) -> None:
    root = bootstrap_alone(tmp_path)
    with (root / ".venv.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with started(root, "run") as process:
            until(lambda: has_open(process.pid, root / ".venv.lock"), ANSWER_SECONDS, "it waits")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=ANSWER_SECONDS)

    assert process.returncode == 130
    assert only_line(said) == "dev.py: stopped; the next start finishes the installation\n"


@pytest.mark.parametrize(
    "command", [[*DEV, "--help"], [sys.executable, "-m", "devstack.commands.program", "this"]]
)
def test_a_reader_that_has_gone_ends_it_without_a_word(command: list[str]) -> None:
    """As after `| head -1`: dev.py itself, and what it starts in its place."""
    for unbuffered in ("", "1"):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as output:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

        assert ended.stderr == ""
        assert ended.returncode == 128 + signal.SIGPIPE or "--help" in command


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii:strict", rb"\u260e\udcff"),
        pytest.param("utf-8:strict", "\u260e".encode() + b"\xff", marks=pytest.mark.slow),
    ],
)
def test_a_name_that_the_terminal_cannot_show_is_written_all_the_same(
    tmp_path: Path, encoding: str, shown: bytes
) -> None:
    """By the numbers of its letters, or as the bytes that it has."""
    file = os.fsencode(tmp_path) + b"/\xe2\x98\x8e\xff"
    Path(os.fsdecode(file)).write_text('{"Values": {}}')

    ended = subprocess.run(
        [*DEV, "doctor", "--settings", os.fsdecode(file)],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )

    assert ended.stderr == b""
    assert ended.stdout.splitlines()[0] == b"Settings: " + os.fsencode(tmp_path) + b"/" + shown
    assert ended.stdout.splitlines()[-1].startswith(b"doctor: ")


def test_output_that_finds_no_room_is_said_to_have_found_none() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*DEV, "--help"],
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert ended.returncode == 1
    assert os.strerror(errno.ENOSPC) not in only_line(ended.stderr)
    assert "the disk is full" in ended.stderr


def test_a_fault_of_ours_is_one_line_and_a_file_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text("raise KeyError('x')")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    program = [sys.executable, "-m", "devstack.commands.program"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": path}

    faulty, damaged = (
        subprocess.run(
            [*program, module], env=environment, capture_output=True, text=True, check=False
        )
        for module in ("faulty", "no_such_module")
    )

    assert (faulty.returncode, damaged.returncode) == (1, 1)
    reason, where = faulty.stderr.splitlines()
    assert reason == "dev.py: this should not have happened: KeyError: 'x'"
    trace = Path(where.partition(" is in ")[2])
    assert trace.parent == tmp_path
    assert "Traceback" in trace.read_text()
    assert "the installation is damaged" in damaged.stderr.splitlines()[0]


@contextmanager
def held_at(fifo: Path) -> Iterator[None]:
    """Somebody reads it, and nothing comes."""

    def opened() -> int | None:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            return None

    descriptor = until(opened, ANSWER_SECONDS, f"{fifo} is read")
    assert descriptor is not None
    try:
        yield
    finally:
        os.close(descriptor)


def has_open(pid: int, file: Path) -> bool:
    try:
        return any(link.readlink() == file for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
