"""Fixtures that start dev.py; a test module names this one in its `pytest_plugins`."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.devstack.commands.dev_process import DEV, START_SECONDS, DevRun

AUTO = ("--ports", "auto")  # a test must not depend on which ports are free on this machine


@contextlib.contextmanager
def _runs() -> Iterator[Callable[..., DevRun]]:
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
    with _runs() as start:
        yield start


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevRun]:
    """A whole stack that tests share and must leave running."""
    with _runs() as start:
        yield start(tmp_path_factory.mktemp("dev") / "shared").until_ready()


@pytest.fixture
def dev() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a dev.py command to its end."""

    def run(
        *arguments: str, env: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*DEV, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
            env=env,
        )

    return run
