"""Whether there is a page, and if not, how far the making of it is."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.files import ROOT
from devstack.web.build import INSTALLING
from devstack.web.sources import Addresses, is_current

logger = logging.getLogger("web")

STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """A page is being made."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A page could not be made: in one line, why, and what to do."""

    line: str


def build_command(page: Path, addresses: Addresses) -> list[str]:
    """The command line of `build`, which says how far it is, and makes the page."""
    options = {"--output": str(page), "--api": addresses.api}
    options |= {"--issuer": addresses.issuer, "--calling": addresses.calling}
    arguments = [argument for option in options.items() for argument in option]
    return [sys.executable, "-m", "devstack.web.build", *arguments]


class Making:
    """Makes the page when somebody asks for it and there is none, or an old one; once at a time.

    Args:
        page: the folder of the page.
        command: makes the page, as `build_command`.
        log: where the output of the tools goes, as people find it.
    """

    def __init__(self, page: Path, addresses: Addresses, command: Sequence[str], log: str) -> None:
        self.page = page
        self._addresses = addresses
        self._command = command
        self._log = log
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = 0.0
        self._stage = INSTALLING
        self._failure: Failure | None = None

    def state(self) -> Progress | Failure | None:
        """None: the page is there. Otherwise it is being made from now on, or that has failed."""
        if self._task is not None and not self._task.done():
            return Progress(self._stage, time.monotonic() - self._begun)
        if is_current(self.page, self._addresses):
            self._failure = None
            return None
        if self._failure is not None:
            return self._failure
        self._begun, self._stage = time.monotonic(), INSTALLING
        self._task = asyncio.create_task(self._make())
        return Progress(self._stage, 0)

    @property
    def pid(self) -> int | None:
        """The process that makes the page; None: nothing is being made."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def forget_failure(self) -> None:
        """The next question makes the page again."""
        self._failure = None

    async def stop(self) -> None:
        """End what is being made; the next start makes it from the beginning."""
        if self._task is None or self._task.done():
            return
        if self._process is not None and self._process.returncode is None:
            self._signal(self._process, signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                self._signal(self._process, signal.SIGKILL)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _make(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=ROOT,
            stdin=DEVNULL,
            stdout=PIPE,
            start_new_session=True,  # so that it can be ended with what it has started
        )
        output = self._process.stdout
        while output is not None and (line := await output.readline()):
            self._stage = line.decode().removeprefix("stage: ").strip()
            logger.info("%s", self._stage)
        if await self._process.wait() == 0:
            logger.info("the page is ready, after %.0f s", time.monotonic() - self._begun)
        else:
            self._failure = Failure(self._why())
            logger.error("%s", self._failure.line)

    def _why(self) -> str:
        if self._stage == INSTALLING:
            return (
                "The npm packages of the page cannot be installed: is this machine offline? "
                f"All else in the stack works. The end of {self._log} says more."
            )
        return f"The page cannot be built: the end of {self._log} says why."

    def _signal(self, process: Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
