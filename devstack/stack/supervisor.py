"""The processes of the parts: started, watched and ended."""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Mapping

from devstack.files import ROOT
from devstack.installation.progress import Progress
from devstack.os_errors import says_full
from devstack.stack.parts import Part
from devstack.stack.state_folder import StateFolder, previous

START_SECONDS = 60  # for one part to answer; a laptop that also runs tests is slow
STOP_SECONDS = 10  # for all parts to end by themselves; then they are killed
LAST_LINES = 20  # of the log of a part that died

type Report = Callable[[str], None]


class PartDied(Exception):
    """The message names the part, how it ended and its last log lines."""


class Supervisor:
    """Owns the processes of the parts.

    Args:
        lock: the descriptor of the state folder's lock, which every part inherits.
    """

    def __init__(self, folder: StateFolder, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._processes: dict[str, Process] = {}
        self._saving: set[str] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.awaited: list[str] = []  # the names of the parts that are starting
        self.unsaved: list[
            str
        ] = []  # the names of those that could not write their data at the end
        self.stop_requested_twice = asyncio.Event()
        # Done when the stack has to end: None if somebody asked for it, else an exception.
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def request_stop(self) -> None:
        if self._stopping or self.end.done():
            self.stop_requested_twice.set()
        if not self.end.done():
            self.end.set_result(None)

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    async def start(self, part: Part) -> None:
        """Start a part, and return when it answers. If it ends at any time, the stack ends.

        Raises:
            PartDied: it did not answer in time. (If it ends instead, `end` gets the error.)
        """
        self.awaited.append(part.name)
        process = await self._spawn(part)
        watcher = asyncio.create_task(self._watch(part, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        try:
            async with asyncio.timeout(START_SECONDS):
                for probe in part.probes:
                    await probe.until_answered()
        except TimeoutError:
            raise self._died(part, f"does not answer after {START_SECONDS} s") from None
        self.awaited.remove(part.name)

    async def run(self, part: Part) -> None:
        """Run a part that ends by itself.

        Raises:
            PartDied: it failed, or took too long.
        """
        self.awaited.append(part.name)
        process = await self._spawn(part)
        try:
            async with asyncio.timeout(START_SECONDS):
                code = await process.wait()
        except TimeoutError:
            raise self._died(part, f"is not done after {START_SECONDS} s") from None
        if code != 0:
            raise self._died(part, _how_it_ended(code))
        self.awaited.remove(part.name)
        del self._processes[part.name]

    async def stop(self, report: Report) -> None:
        """Stop all parts with SIGINT; after STOP_SECONDS or a second Ctrl-C, kill the rest."""
        self._stopping = True
        alive = {name: p for name, p in self._processes.items() if p.returncode is None}
        for process in alive.values():
            # One signal, and not SIGTERM: Azurite writes its data at SIGINT only.
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        await self._wait_until_ended(alive)
        because = ", since Ctrl-C came again" if self.stop_requested_twice.is_set() else ""
        for name, process in alive.items():
            if process.returncode is None:
                report(f"{name} (pid {process.pid}) had to be killed{because}")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        await asyncio.gather(*(process.wait() for process in alive.values()), *self._watchers)
        # A negative code is that of a signal: the part was killed, or had not started yet.
        codes = {name: process.returncode or 0 for name, process in alive.items()}
        self.unsaved = [name for name in sorted(self._saving & codes.keys()) if codes[name] > 0]

    async def _wait_until_ended(self, parts: Mapping[str, Process]) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        with Progress("stopping the stack") as progress:
            while not self.stop_requested_twice.is_set() and time.monotonic() < deadline:
                alive = [name for name, part in parts.items() if part.returncode is None]
                if not alive:
                    break
                progress.show(f"waiting for {', '.join(alive)}")
                await asyncio.sleep(0.05)

    async def _spawn(self, part: Part) -> Process:
        log = self._folder.log(part.name)
        with contextlib.suppress(FileNotFoundError):
            log.replace(previous(log))
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                cwd=ROOT,
                env=part.environment(),
                stdin=PIPE,  # nothing is written: when it ends, the part knows that we have ended
                stdout=output,
                stderr=STDOUT,
                start_new_session=True,  # so that Ctrl-C in the terminal reaches only us
                pass_fds=(self._lock,),
            )
        self._processes[part.name] = process
        if part.saves_at_the_end:
            self._saving.add(part.name)
        return process

    async def _watch(self, part: Part, process: Process) -> None:
        code = await process.wait()
        if not self._stopping and not self.end.done():
            self.end.set_exception(self._died(part, _how_it_ended(code)))

    def _died(self, part: Part, how: str) -> PartDied:
        log = self._folder.log(part.name)
        with log.open(encoding="utf-8", errors="replace") as lines:
            last = deque((line.rstrip("\n") for line in lines), maxlen=LAST_LINES)
        if self._folder.is_full() or says_full("\n".join(last)):
            why = f"because {self._folder.no_room()}: make room, and start again"
            return PartDied(f"{part.name} {how}, {why} ({log})")
        quoted = "\n".join(f"  {line}" for line in last) or "  (it wrote nothing)"
        return PartDied(f"{part.name} {how}. The end of {log}:\n{quoted}")


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
