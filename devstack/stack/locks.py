"""File locks that end with the process which holds them, however it ends."""

import fcntl
import os
import time
from pathlib import Path


def try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_within(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def open_or_make(file: Path) -> tuple[int, bool]:
    """A descriptor of the file, and whether it was made now."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644), True
    except FileExistsError:
        return os.open(file, os.O_RDWR), False


def is_still_at(descriptor: int, file: Path) -> bool:
    """Whether it is the file of that name. Somebody may have removed it, and then a lock of it
    keeps nobody out."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def write_again(descriptor: int, file: Path, text: str) -> None:
    """Write it in the place of what is there. Not as a new file, because this one is locked."""
    try:
        os.pwrite(descriptor, text.encode("ascii"), 0)
        os.ftruncate(descriptor, len(text))
    except OSError as error:
        error.filename = str(file)  # or nobody would learn what cannot be written
        raise
