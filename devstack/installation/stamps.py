"""Stamps: fingerprints of the files that an installation was made from. A stamp is written last: if
it is missing or different, the installation is not complete.

Readable by Python 3.6 (see dev.py).
"""

import hashlib
import os
from typing import Sequence


def fits(stamp: str, inputs: Sequence[str]) -> bool:
    """Whether the stamp is there, and was made from files that are as these are."""
    try:
        with open(stamp) as file:
            return file.read() == _fingerprint(inputs)
    except (OSError, ValueError):
        return False


def write(stamp: str, inputs: Sequence[str]) -> None:
    """
    Raises:
        OSError: one of the files cannot be read, or the stamp not be written.
    """
    with open(stamp + ".new", "w") as file:
        file.write(_fingerprint(inputs))
    os.replace(stamp + ".new", stamp)


def _fingerprint(paths: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
