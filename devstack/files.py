"""Where the repository is, and how files are written in a state folder.

They appear whole or not at all, and secrets are for their owner only.
"""

import contextlib
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write `path` so that no reader, and no kill, ever meets half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def write_secret(path: Path, text: str) -> None:
    write_whole(path, text, mode=0o600)
