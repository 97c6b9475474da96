"""Fixtures that start dev.py; a test module names this one in its `pytest_plugins`."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.devstack.commands import dev_process
from tests.devstack.commands.dev_process import DevRun

AUTO = ("--ports", "auto")  # a test must not depend on which ports are free on this machine

# What somebody may have exported who starts a stack.
EXPORTED = {
    "AUTH_ISSUER": "https://elsewhere.example",
    "COMMUNICATION_ENDPOINT": "https://elsewhere.example",  # the app wants one of the two
    "TABLES_ENDPOINT": "https://elsewhere.example",
    "LOG_LEVEL": "INFO",  # the stack has no opinion about it
}


@contextlib.contextmanager
def dev_runs() -> Iterator[Callable[..., DevRun]]:
    """Start `dev.py run --ports auto`, any number of times; all have ended at the end."""
    with contextlib.ExitStack() as ends:

        def start(
            state: Path, *options: str, ports: tuple[str, ...] = AUTO, **where: Any
        ) -> DevRun:
            run = DevRun(state, *ports, *options, **where)
            ends.callback(run.end)
            return run

        yield start


@pytest.fixture
def dev_run() -> Iterator[Callable[..., DevRun]]:
    """Start `dev.py run --ports auto` in a state folder of the test's; ended with the test."""
    with dev_runs() as start:
        yield start


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevRun]:
    """A whole stack that tests share and must leave running. When it started, app settings were
    exported, and its folder's ports file was damaged."""
    state = tmp_path_factory.mktemp("dev") / "shared"
    state.mkdir()
    (state / "ports.json").write_text('{"host": "x"}')
    with dev_runs() as start:
        yield start(state, env={**os.environ, **EXPORTED}).until_ready()


@pytest.fixture
def dev() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return dev_process.dev
