"""The program that listens on a port of this machine, as far as the system tells."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"  # of /proc/net/tcp: TCP_LISTEN
_SHOWN_WORDS, _SHOWN_LENGTH = 3, 60  # of a command line: the rest may hold secrets
_LSOF_SECONDS = 5


def who_listens(port: int) -> str | None:
    """Such as "nginx (pid 812)"; None: it is another user's process, or none any more."""
    pid = _pid_by_proc(port) if (_PROC / "net").exists() else _pid_by_lsof(port)
    if pid is None:
        return None
    command = _command_of(pid)
    parent = _parent_of(pid)
    if parent is not None and _runs_a_stack(_command_of(parent)):
        return f"another local stack (dev.py run, pid {parent})"
    if not command:
        return f"pid {pid}"
    words = [Path(command[0]).name, *command[1:_SHOWN_WORDS]]
    return f"{' '.join(words)[:_SHOWN_LENGTH]} (pid {pid})"


def _pid_by_proc(port: int) -> int | None:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in _PROC.glob("[0-9]*"):
        try:
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) in sockets:
                    return int(process.name)
        except OSError:  # it has ended, or is another user's
            continue
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield inode


def _pid_by_lsof(port: int) -> int | None:
    """For macOS."""
    lsof = shutil.which("lsof")
    if lsof is None:
        return None
    try:
        told = subprocess.run(
            [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fp"],
            capture_output=True,
            text=True,
            check=False,
            timeout=_LSOF_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    pids = [line[1:] for line in told.splitlines() if line.startswith("p")]
    return int(pids[0]) if pids else None


def _command_of(pid: int) -> list[str]:
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return []
    return line.rstrip("\0").split("\0") if line else []


def _parent_of(pid: int) -> int | None:
    try:
        told = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return int(told.rpartition(")")[2].split()[1])


def _runs_a_stack(command: list[str]) -> bool:
    return any(Path(word).name == "dev.py" for word in command[:_SHOWN_WORDS]) and "run" in command
