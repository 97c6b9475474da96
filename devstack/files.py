"""Where the repository is, and how files are written: whole or not at all, secrets for their owner
only. Readable by Python 3.6 (see dev.py).
"""

import contextlib
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write `path` so that nobody ever reads half of it, also after a kill."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        Path(temporary).replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # or nobody would learn what cannot be written
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def write_secret(path: Path, text: str) -> None:
    write_whole(path, text, mode=0o600)
