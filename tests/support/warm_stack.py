"""The stack of a test run: the parts of `dev.py run --without-host --in-memory`, of which those in
Python are forked from a process that has loaded them.

Starting them from nothing takes five seconds of CPU for each worker, nearly all of it imports. What
a fork runs is the part's own `main` with the arguments that dev.py would give it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, override

from devstack.issuer.tokens import issuer_key
from devstack.stack.certificates import certificates
from devstack.stack.parts import Part, emulators
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from shared.operate.provision import provision
from shared.settings_reader import SettingsReader
from shared.upstream.settings import read_storage_settings
from tests.support.part_process import running_part
from tests.support.ports import free_port
from tests.support.stack import ROOT, SETTINGS_OF_TESTS, START_SECONDS, Stack
from tests.support.warm_parts import PARTS


class WarmStack(Stack):
    """It does not outlive this process: each part ends with its standard input, which is ours."""

    @override
    def start(self) -> None:
        with ExitStack() as started:
            folder = StateFolder(self.folder)
            started.enter_context(folder.locked(print))
            folder.make_folders()
            issuer_key(folder.issuer_key)  # made now, as several need it
            ports = {name: free_port() for name in DEFAULT_PORTS}
            plan = Plan(folder, ports, certificates(folder.path), with_host=False, in_memory=True)
            parts = emulators(plan)
            pids = {
                part.name: started.enter_context(_running(part, folder.log(part.name)))
                for part in parts
            }
            asyncio.run(self._bring_up(parts, plan))
            self.values = json.loads(json.dumps(plan.description(pids)))
            for name in ("settings", "managedIdentitySettings"):
                self.values[name] |= SETTINGS_OF_TESTS
            folder.publish(self.values)
            self._started = started.pop_all()

    @override
    def stop(self) -> None:
        self._hosts.stop()
        self._started.close()

    @property
    @override
    def logs(self) -> list[Path]:
        return sorted(self.folder.glob("*/*.log"))

    async def _bring_up(self, parts: Sequence[Part], plan: Plan) -> None:
        await asyncio.gather(*map(self._answers, parts))
        await provision(read_storage_settings(SettingsReader(plan.settings())))

    async def _answers(self, part: Part) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                for probe in part.probes:
                    await probe.until_answered()
        except TimeoutError:
            log = StateFolder(self.folder).log(part.name).read_text()
            raise AssertionError(f"{part.name} does not answer:\n{log}") from None


@contextmanager
def _running(part: Part, log: Path) -> Iterator[int]:
    """The id of the part's process, which is killed at the end."""
    with log.open("wb") as output:
        match part.command:
            case [sys.executable, "-m", module, *arguments] if module in PARTS:
                with running_part(module, arguments, output) as forked:
                    yield forked.pid
            case command:
                with _started(command, output) as process:
                    yield process.pid


@contextmanager
def _started(command: Sequence[str], log: IO[Any]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for pytest, whose end is the end of this
    ) as process:
        try:
            yield process
        finally:
            process.kill()
