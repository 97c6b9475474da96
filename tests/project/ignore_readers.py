"""How azd and the Core Tools read .funcignore. Neither can be installed here, so the parts of their
readers that matter are written again, after their sources.
"""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path


def _patterns(root: Path) -> list[str]:
    lines = (root / ".funcignore").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def deployed_by_func(root: Path) -> Iterator[str]:
    """Azure/azure-functions-core-tools, GitIgnoreParser.cs: of files alone, never of folders. A
    pattern is the beginning of a path, up to the end of a word; negated ones win in any order.
    """
    kept: list[str] = []
    ignored: list[str] = []
    for pattern in _patterns(root):
        escaped = re.escape(pattern.removeprefix("!").removeprefix("/"))
        expression = escaped.replace(r"\*\*", "(.+)").replace(r"\*", "([^/]+)")
        (kept if pattern.startswith("!") else ignored).append(expression)
    keep, ignore = (re.compile(rf"({'|'.join(one)})\b", re.ASCII) for one in (kept, ignored))
    for at, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".vscode")]
        for name in files:
            path = str((Path(at) / name).relative_to(root))
            if name not in (".funcignore", ".gitignore", "local.settings.json") and (
                keep.match(path) or not ignore.match(path)
            ):
                yield path


def deployed_by_azd(root: Path) -> Iterator[str]:
    """Azure/azure-dev, project_utils.go, with denormal/go-gitignore: the last pattern that matches
    decides, for each folder and file on its own; what is in an ignored folder is not looked at.
    """
    patterns = _patterns(root)[::-1]
    for at, folders, files in os.walk(root):
        inside = Path(at).relative_to(root)

        def is_kept(name: str, is_folder: bool, inside: Path = inside) -> bool:
            path = str(inside / name)
            last = next((one for one in patterns if _azd_matches(one, path, is_folder)), "!")
            return last.startswith("!")

        folders[:] = [name for name in folders if name != ".azure" and is_kept(name, True)]
        for name in files:
            if name not in (".funcignore", "local.settings.json") and is_kept(name, False):
                yield str(inside / name)


def _azd_matches(pattern: str, path: str, is_folder: bool) -> bool:
    bare = pattern.removeprefix("!")
    if bare.endswith("/") and not is_folder:
        return False
    parts = bare.strip("/").split("/")
    if len(parts) == 1:
        # Here a star is any text, slashes too.
        return fnmatchcase(path if bare.startswith("/") else path.rpartition("/")[2], parts[0])
    return _parts_match(path.split("/"), parts)


def _parts_match(path: list[str], parts: list[str]) -> bool:
    if not parts:
        return not path
    if parts[0] == "**":
        return any(_parts_match(path[number:], parts[1:]) for number in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], parts[0]) and _parts_match(path[1:], parts[1:])
