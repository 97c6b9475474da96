"""The files that are deployed: the app's and no others, with compiled bytecode.

An app in Azure is mounted read-only, so that it would compile itself anew at each start. What is
compiled here is not compared with its source any more when it is loaded, so it is made in a folder
of its own, where nobody edits sources.
"""

import compileall
import os
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from devstack.files import ROOT

# Only a folder with this file in it is replaced.
MARKER = ".made-by-dev"


class PackageError(Exception):
    """The message says why there is no package."""


def make_package(folder: Path) -> int:
    """Make the folder that is to be published.

    Returns:
        The number of its source files.

    Raises:
        PackageError: the folder is in use for something else, or a module cannot be compiled.
    """
    if folder.exists() and not (folder / MARKER).is_file():
        raise PackageError(f"{folder} was not made by dev.py package: choose another --output")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    number = 0
    for name in deployed(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
        number += 1
    sys.pycache_prefix = None  # beside the sources, whatever this machine's habit is
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    # Paths in tracebacks are then those of the deployed app: shared/app/app.py.
    compiled = compileall.compile_dir(
        str(folder), quiet=1, force=True, invalidation_mode=mode, stripdir=str(folder)
    )
    if not compiled:
        raise PackageError("a module cannot be compiled; what is wrong stands above")
    return number


def deployed(root: Path) -> Iterator[str]:
    """The files that .funcignore lets in, by their paths in the repository."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text("utf-8").splitlines())
    for at, folders, files in os.walk(root):
        inside = Path(at).relative_to(root)
        folders[:] = sorted(
            name
            for name in folders
            if name != "__pycache__" and not ignored.match_file(f"{inside / name}/")
        )
        for name in sorted(files):
            path = str(inside / name)
            if not ignored.match_file(path):
                yield path
