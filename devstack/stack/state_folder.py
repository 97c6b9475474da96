"""The state folder of one stack: keys, data, logs, its ports, and stack.json while it runs.

All its files are named here, so that `--fresh` removes only files of a stack: people may have their
own files in the folder.
"""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from devstack.files import write_secret, write_whole
from devstack.os_errors import in_words
from devstack.stack.locks import is_still_at, lock_within, open_or_make, try_lock, write_again

# How long the parts of a killed stack may take to end: more than their limit for a clean stop.
LEFTOVER_SECONDS = 20

# `dev.py token` holds the lock for an instant, to check whether a stack holds it.
INSTANT_SECONDS = 0.5

# Less room than the logs and data of one part need.
_NO_ROOM_BYTES = 256 * 1024

LOGS = ("issuer", "tables", "blobs", "acs", "graph", "web", "provision", "host")


# The fields of every version of stack.json that these commands can work with.
_NEEDED = {"issuer": str, "acs": str, "users": dict, "settings": dict}


class StackError(Exception):
    """A command cannot do its work; the message tells the person at the terminal why and what to
    do.
    """


class StateFolder:
    """The folder is made when its lock is taken, and only its owner can read it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.stack_file = self.path / "stack.json"
        self.ports_file = self.path / "ports.json"
        self.issuer_file = self.path / "issuer.txt"
        self.lock_file = self.path / "stack.lock"
        self.parts_lock_file = self.path / "parts.lock"
        self.issuer_key = self.path / "issuer-key.json"
        self.acs_key = self.path / "acs-signing-key.pem"
        self.acs_callback_key = self.path / "acs-callback-key.pem"
        self.acs_database = self.path / "acs.sqlite"
        self.graph_database = self.path / "graph.sqlite"
        self.tables = self.path / "tables"
        self.blobs = self.path / "blobs"
        self.page = self.path / "web"
        self.logs = self.path / "logs"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    @contextlib.contextmanager
    def locked(self, report: Callable[[str], None]) -> Iterator[int]:
        """Hold the lock of the folder; yield the descriptor of a second lock, which parts inherit.

        The first lock ends with this process, so it shows whether a stack runs. The second one ends
        with the last part: so the parts of a killed stack have written their data before the next
        stack reads it. If the start is refused, which a StackError says, the folder is left as it
        was.

        Args:
            report: called with a sentence if this has to wait.

        Raises:
            StackError: another stack runs here, or nothing can be written here.
        """
        missing = [one for one in (self.path, *self.path.parents) if not one.exists()]
        try:
            own, is_new = self._lock_own()
        except OSError as error:
            _remove_folders(missing)
            raise self.unwritable(error) from error
        new = {self.lock_file} if is_new else set[Path]()
        if not os.path.lexists(self.parts_lock_file):
            new.add(self.parts_lock_file)
        before: set[Path] | None = None
        try:
            with self._locked_by_parts(own, report) as parts:
                # Not earlier: the parts of a killed stack have written until they ended.
                before = {path for path in self._known() if os.path.lexists(path)}
                if self.is_full():
                    raise StackError(f"{self.no_room()}: make room, and start again")
                yield parts
        except StackError:
            if before is not None:
                new |= self._known() - before
            for path in new:
                _remove(path)
            _remove_folders(missing)
            raise
        finally:
            os.close(own)

    def _lock_own(self) -> tuple[int, bool]:
        """Make the folder and its lock, where they are missing, and lock it: the descriptor, and
        whether the file is new."""
        attempts = 5
        while True:
            try:
                self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._check_for_foreign_files()
                own, is_new = open_or_make(self.lock_file)
            except FileNotFoundError:
                # A start that was refused may have removed what it had made, just now.
                attempts -= 1
                if attempts == 0:
                    raise
                continue
            if not lock_within(own, INSTANT_SECONDS):
                pid = os.pread(own, 20, 0).decode("ascii", "replace")
                os.close(own)
                raise StackError(
                    f"a stack runs in {self.path} already (pid {pid or 'unknown'}): stop it, "
                    "or give this one its own folder and ports: --state DIR --ports auto"
                )
            if is_still_at(own, self.lock_file):
                return own, is_new
            os.close(own)

    @contextlib.contextmanager
    def _locked_by_parts(self, own: int, report: Callable[[str], None]) -> Iterator[int]:
        try:
            write_again(own, self.lock_file, str(os.getpid()))
            parts = self.parts_lock_file.open("a", encoding="ascii")
        except OSError as error:
            raise self.unwritable(error) from error
        with parts:
            if not lock_within(parts.fileno(), INSTANT_SECONDS):
                report("waiting for the parts of a killed stack to end")
                if not lock_within(parts.fileno(), LEFTOVER_SECONDS):
                    raise StackError(
                        f"parts of a killed stack still run in {self.path}{self._leftovers()}: "
                        "end them with kill -9"
                    )
            yield parts.fileno()

    def unwritable(self, error: OSError) -> StackError:
        return StackError(
            f"cannot write to {self.path} ({in_words(error)}); --state DIR chooses another folder"
        )

    def _leftovers(self) -> str:
        pids = _pids(_read(self.stack_file))
        alive = [f"{name}: pid {pid}" for name, pid in pids.items() if _is_alive(pid)]
        return f" ({', '.join(alive)})" if alive else ""

    def running_stack(self) -> dict[str, object] | None:
        """The content of stack.json if that stack runs; a killed stack leaves the file behind.

        Raises:
            StackError: it runs, and the file is of another version of this program.
        """
        stack = _read(self.stack_file)
        try:
            with self.lock_file.open(encoding="ascii") as lock:
                if try_lock(lock.fileno(), fcntl.LOCK_SH):
                    return None
                if lock.read() != str(_pids(stack).get("dev")):
                    return None
        except OSError:
            return None
        if not all(isinstance(stack.get(name), kind) for name, kind in _NEEDED.items()):
            raise StackError(
                f"{self.stack_file} is of another version of dev.py: stop that stack (Ctrl-C in "
                "its terminal), and start it again"
            )
        return stack

    def is_full(self) -> bool:
        """Whether there is no more room for what the parts write: less than one needs to start,
        or no name for another file. Some file systems count neither, and are taken for empty."""
        there = os.statvfs(self.path)
        has_room = there.f_blocks == 0 or there.f_bavail * there.f_frsize >= _NO_ROOM_BYTES
        has_names = there.f_files == 0 or there.f_favail > 0
        return not (has_room and has_names)

    def no_room(self) -> str:
        """The beginning of the message then."""
        return f"the disk of {self.path} is full"

    def publish(self, stack: Mapping[str, object]) -> None:
        """Write stack.json, which only its owner can read: it holds the keys of the stack."""
        write_secret(self.stack_file, json.dumps(stack, indent=2) + "\n")

    def withdraw(self) -> None:
        self.stack_file.unlink(missing_ok=True)

    def _check_for_foreign_files(self) -> None:
        """If no stack ever ran here, files with the common names of certificates are not ours.

        Raises:
            StackError: there is such a file.
        """
        foreign = [path for path in self._certificates() if path.exists()]
        if foreign and not self.lock_file.exists():
            raise StackError(
                f"{foreign[0]} is not from a stack: give the stack a folder of its own, --state DIR"
            )

    def make_folders(self) -> None:
        """Make the folders that parts write to.

        Raises:
            OSError: something is in the way, or nothing can be written here.
        """
        for folder in (self.logs, self.tables, self.blobs):
            folder.mkdir(exist_ok=True)

    def make_fresh(self) -> None:
        """Remove the files of earlier stacks, and the folders that are empty then."""
        kept = {self.lock_file, self.parts_lock_file, *self._folders()}
        for path in self._known() - kept:
            path.unlink(missing_ok=True)
        for made in (self.page, self.page.with_name("web.new")):  # nobody else writes there
            shutil.rmtree(made, ignore_errors=True)
        _remove_folders(self._folders())

    def _known(self) -> set[Path]:
        """The files that a stack may have made here, except the page; all others are somebody's
        own."""
        known = {self.stack_file, self.ports_file, self.lock_file, self.parts_lock_file}
        known |= {
            self.issuer_file,
            self.issuer_key,
            self.acs_key,
            self.acs_callback_key,
            *self._certificates(),
        }
        known |= {
            Path(f"{database}{end}")
            for database in (self.acs_database, self.graph_database)
            for end in ("", "-wal", "-shm", "-journal")
        }
        known |= {path for name in LOGS for path in (self.log(name), previous(self.log(name)))}
        known |= {*self.tables.glob("__azurite_db_*"), *self.blobs.glob("__azurite_db_*")}
        known |= {*self.blobs.glob("__blobstorage__/*"), *self._folders()}
        return known

    def _folders(self) -> list[Path]:
        """The folders in it, the inner ones first."""
        return [self.tables, self.blobs / "__blobstorage__", self.blobs, self.logs]

    def _certificates(self) -> list[Path]:
        return [self.path / name for name in ("ca.pem", "server.pem")]

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        """Keep these for every later start that chooses no others."""
        write_whole(self.ports_file, json.dumps(dict(ports), indent=2) + "\n")

    def keep_issuer(self, address: str) -> str:
        """Keep the issuer's address, and return that of the last start; "" if there was none.

        Raises:
            OSError: nothing can be written here.
        """
        try:
            last = self.issuer_file.read_text(encoding="utf-8").strip()
        except (FileNotFoundError, ValueError):
            last = ""
        write_whole(self.issuer_file, f"{address}\n")
        return last

    def kept_ports(self) -> dict[str, int]:
        """Those of an earlier start that are still known; empty if there was none."""
        kept = _read(self.ports_file)
        return {name: port for name, port in kept.items() if type(port) is int}


def previous(log: Path) -> Path:
    """The log of the previous run: it is kept, so that people can read about a crash after a
    restart.
    """
    return log.with_suffix(".log.1")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        _remove_folders([path])
    else:
        with contextlib.suppress(OSError):  # such as a file where one of our folders should be
            path.unlink()


def _remove_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):  # it does not exist, or has other files in it
            folder.rmdir()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> dict[str, object]:
    """The JSON object in `file`; empty if there is no file, or no object in it."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _pids(stack: Mapping[str, object]) -> dict[str, int]:
    pids = stack.get("pids")
    return pids if isinstance(pids, dict) else {}
