"""Microsoft's source distribution of the SDK, which has the tests: fetched once, and unpacked."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from devstack.files import ROOT

PACKAGE = "azure-communication-callautomation"
# Those whose tests are run: the version that the app is deployed with.
VERSION = "1.6.0"
SHA256 = "f35e376931a767aecb0ab64247a1d36e770e3627372fda2762184a9ca2ca0aa3"
FILE_NAME = f"azure_communication_callautomation-{VERSION}.tar.gz"
CACHE = ROOT / ".venv" / "sdk-suite"  # git ignores it; a new .venv fetches again

# What pip says of a file that is not the pinned one. Everything else is taken for an index that
# cannot be reached.
_WRONG_FILE = "DO NOT MATCH THE HASHES"


class IndexUnreachableError(Exception):
    """The package index does not have the file, or does not answer; the message is pip's."""


class WrongFileError(Exception):
    """The package index has another file than the pinned one."""


def source_distribution(cache: Path = CACHE, sha256: str = SHA256) -> Path:
    """The file, from the cache if it is there.

    Args:
        cache: made if absent.
        sha256: of the only file that will do, in hexadecimal.

    Raises:
        IndexUnreachableError: it is not in the cache, and cannot be had.
        WrongFileError: what the index has instead; nothing of it was run.
    """
    kept = cache / FILE_NAME
    if not _is_wanted(kept, sha256):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _download(Path(folder), sha256)
            fetched = Path(folder) / FILE_NAME
            if not _is_wanted(fetched, sha256):
                raise WrongFileError(FILE_NAME)
            fetched.replace(kept)  # two workers may both fetch it
    return kept


def unpack_tests(archive: Path, folder: Path) -> Path:
    """Unpack the tests alone; returns their folder."""
    tests = f"{FILE_NAME.removesuffix('.tar.gz')}/tests"
    with tarfile.open(archive) as content:
        members = [each for each in content.getmembers() if each.name.startswith(f"{tests}/")]
        # "data": no link and no device, and nothing outside the folder.
        content.extractall(folder, members, filter="data")
    return folder / tests


def _is_wanted(file: Path, sha256: str) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256


def _download(folder: Path, sha256: str) -> None:
    """With pip, so that the indexes, proxies and authorities of this machine count. It checks the
    hash before it runs the setup.py of the distribution, which it does to read its metadata."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{PACKAGE}=={VERSION} --hash=sha256:{sha256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1"]
    wanted = ["--no-input", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
    ended = subprocess.run(
        [*pip, "download", *wanted, "--dest", str(folder), "-r", str(requirement)],
        env={**os.environ, "PIP_NO_CACHE_DIR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        error = WrongFileError if _WRONG_FILE in ended.stderr else IndexUnreachableError
        raise error(ended.stderr.strip())
