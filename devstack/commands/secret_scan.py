"""python -m devstack.commands.secret_scan: look for keys and passwords in what git tracks.

Exit code 1 where there is one that the baseline does not have. The baseline holds hashes of what
is known to open nothing but the local stack; `--accept` writes it anew, for a look at its diff.
Files in which nothing was found are not scanned again until they change.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection

from devstack.files import ROOT

BASELINE = ROOT / ".secrets.baseline"
CACHE = ROOT / ".secrets_cache"
_PROCESSES = 2


def unknown_secrets(
    folder: Path, files: Iterable[str], known: SecretsCollection
) -> tuple[SecretsCollection, list[str]]:
    """Everything that was found in the files; and for each unknown secret, its place and its kind.

    What is known may have moved to another line of its file.

    Args:
        known: of the baseline, which has been loaded: the tool's settings are the process's.
    """
    found = SecretsCollection(root=str(folder))
    found.scan_files(*files, num_processors=_PROCESSES)
    accepted = {(file, one.type, one.secret_hash) for file, one in known}
    return found, [
        f"{file}:{one.line_number}: {one.type}"
        for file, one in found
        if (file, one.type, one.secret_hash) not in accepted
    ]


class CleanFiles:
    """Digests of files in which nothing was found, with the settings that the baseline has.

    If the file of digests cannot be read, all files are scanned.
    """

    def __init__(self, file: Path, settings: object) -> None:
        self._file = file
        self._settings = json.dumps(settings, sort_keys=True)
        try:
            stored = set(file.read_text("utf-8").split())
        except (OSError, ValueError):
            stored = set()
        self._stored = stored

    def digest(self, file: Path) -> str:
        hashed = hashlib.sha256(self._settings.encode())
        hashed.update(file.name.encode() + b"\0" + file.read_bytes())
        return hashed.hexdigest()

    def has(self, file: Path) -> bool:
        return self.digest(file) in self._stored

    def keep(self, files: Iterable[Path]) -> None:
        self._file.write_text("\n".join(sorted(map(self.digest, files))), "utf-8")


def tracked_files(folder: Path) -> list[str] | None:
    """The tracked files of the folder, by their paths in it; None if it is no work tree of git."""
    done = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607  as people have it
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return None
    return [name for name in done.stdout.split("\0") if (folder / name).is_file()]


def _told_anywhere(found: SecretsCollection) -> dict[str, Any]:
    """The content of the baseline, by paths in the folder, wherever the folder is."""
    told = baseline.format_for_output(found, is_slim_mode=True)  # without lines, which move
    for name, secrets in told["results"].items():
        for secret in secrets:
            secret["filename"] = name
    for used in told["filters_used"]:
        if "filename" in used:
            used["filename"] = BASELINE.name
    return told


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m devstack.commands.secret_scan")
    parser.add_argument("--accept", action="store_true", help="write the baseline anew")
    accept = parser.parse_args(arguments).accept
    files = tracked_files(ROOT)
    if files is None:
        print("this is no work tree of git: not looked")
        return 0
    loaded = baseline.load_from_file(str(BASELINE))
    known = baseline.load(loaded, str(BASELINE))
    settings = [loaded[part] for part in ("version", "plugins_used", "filters_used")]
    clean = CleanFiles(CACHE, settings)
    to_scan = [file for file in files if not clean.has(ROOT / file)]
    found, unknown = unknown_secrets(ROOT, to_scan, known)
    clean.keep(ROOT / file for file in files if file not in found.files)
    if accept:
        baseline.save_to_file(_told_anywhere(found), str(BASELINE))
        return 0
    for text in unknown:
        print(f"{text}. If it opens nothing: python -m devstack.commands.secret_scan --accept")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
