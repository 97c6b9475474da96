"""The state folder of one stack: keys, data, logs, its ports, and stack.json while it runs.

All of it is named here, so that `--fresh` removes what a stack made and nothing else: the folder
may well hold somebody's own files.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from devstack.files import write_secret, write_whole
from devstack.stack.locks import lock_within, try_lock
from devstack.stack.ports import with_free_ports

# How long the parts of a killed stack may take to go: their own bound for a clean stop, and more.
LEFTOVER_SECONDS = 20

# `token` holds the lock for an instant to see whether anybody else does.
INSTANT_SECONDS = 0.5

LOGS = ("issuer", "tables", "acs", "graph", "provision", "host")


class CannotStart(Exception):
    """The stack cannot run; the message says why and what to do, for the person at the terminal."""


class State:
    """`folder` is made when the lock is taken, for its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.stack_file = self.folder / "stack.json"
        self.ports_file = self.folder / "ports.json"
        self.lock_file = self.folder / "stack.lock"
        self.parts_lock_file = self.folder / "parts.lock"
        self.issuer_key = self.folder / "issuer-key.json"
        self.acs_key = self.folder / "acs-signing-key.pem"
        self.acs_callback_key = self.folder / "acs-callback-key.pem"
        self.acs_database = self.folder / "acs.sqlite"
        self.graph_database = self.folder / "graph.sqlite"
        self.tables = self.folder / "tables"
        self.logs = self.folder / "logs"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    @contextlib.contextmanager
    def locked(self, tell: Callable[[str], None]) -> Iterator[int]:
        """Own the folder; yield the descriptor of a second lock, for the parts to inherit.

        The first lock goes with this process, so it says whether a stack runs. The second goes with
        the last part: the parts of a SIGKILLed stack have written their data before the next stack
        reads it.

        Args:
            tell: called with a sentence if this has to wait.

        Raises:
            CannotStart: another stack runs here.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._refuse_foreign_files()
            self.lock_file.touch()
        except OSError as error:
            raise CannotStart(f"cannot write to {self.folder}: {error.strerror}") from error
        with (
            self.lock_file.open("a+", encoding="ascii") as own,
            self.parts_lock_file.open("a", encoding="ascii") as parts,
        ):
            if not lock_within(own.fileno(), INSTANT_SECONDS):
                own.seek(0)
                raise CannotStart(
                    f"a stack runs in {self.folder} already (pid {own.read()}): stop it, "
                    "or give this one its own folder and ports: --state DIR --ports auto"
                )
            own.truncate(0)
            own.write(str(os.getpid()))
            own.flush()
            if not lock_within(parts.fileno(), INSTANT_SECONDS):
                tell("waiting for the parts of a killed stack to end")
                if not lock_within(parts.fileno(), LEFTOVER_SECONDS):
                    raise CannotStart(
                        f"parts of a killed stack still run in {self.folder}{self._leftovers()}: "
                        "end them with kill -9"
                    )
            yield parts.fileno()

    def _leftovers(self) -> str:
        pids = _pids(_read(self.stack_file))
        alive = [f"{name}: pid {pid}" for name, pid in pids.items() if _is_alive(pid)]
        return f" ({', '.join(alive)})" if alive else ""

    def running_stack(self) -> dict[str, object] | None:
        """What stack.json says, if that stack really runs; a SIGKILLed one leaves the file."""
        stack = _read(self.stack_file)
        try:
            with self.lock_file.open(encoding="ascii") as lock:
                if try_lock(lock.fileno(), fcntl.LOCK_SH):
                    return None
                return stack if lock.read() == str(_pids(stack).get("dev")) else None
        except OSError:
            return None

    def publish(self, stack: Mapping[str, object]) -> None:
        """Write stack.json; for the owner only, because it opens the whole stack."""
        write_secret(self.stack_file, json.dumps(stack, indent=2) + "\n")

    def withdraw(self) -> None:
        self.stack_file.unlink(missing_ok=True)

    def _refuse_foreign_files(self) -> None:
        """Where no stack ever ran, a file by so common a name is somebody else's.

        Raises:
            CannotStart: there is one.
        """
        foreign = [path for path in self._certificates() if path.exists()]
        if foreign and not self.lock_file.exists():
            raise CannotStart(
                f"{foreign[0]} is not from a stack: give the stack a folder of its own, --state DIR"
            )

    def make_fresh(self) -> None:
        """Remove what earlier stacks made here, and folders only when that leaves them empty."""
        made = [self.stack_file, self.ports_file]
        made += [self.issuer_key, self.acs_key, self.acs_callback_key]
        made += self._certificates()
        made += [
            Path(f"{database}{end}")
            for database in (self.acs_database, self.graph_database)
            for end in ("", "-wal", "-shm", "-journal")
        ]
        made += [path for name in LOGS for path in (self.log(name), previous(self.log(name)))]
        made += self.tables.glob("__azurite_db_*")
        for path in made:
            path.unlink(missing_ok=True)
        for folder in (self.tables, self.logs):
            with contextlib.suppress(OSError):  # not there, or holds what is not ours
                folder.rmdir()

    def _certificates(self) -> list[Path]:
        return [self.folder / name for name in ("ca.pem", "server.pem")]

    def kept_ports(self) -> dict[str, int]:
        """The ports of `--ports auto`: free ones, chosen at the first call and kept since then.

        The issuer's port is part of its name, and so of every user's identity.
        """
        kept = {name: port for name, port in _read(self.ports_file).items() if type(port) is int}
        ports = with_free_ports(kept)
        if not ports.keys() <= kept.keys():
            write_whole(self.ports_file, json.dumps(kept | ports, indent=2) + "\n")
        return ports


def previous(log: Path) -> Path:
    """Where the log of the run before goes, so that a crash can still be read after a restart."""
    return log.with_suffix(".log.1")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> dict[str, object]:
    """The JSON object in `file`; empty if there is none, or something else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _pids(stack: Mapping[str, object]) -> dict[str, int]:
    pids = stack.get("pids")
    return pids if isinstance(pids, dict) else {}
