"""Which folder a command means, and what to say when no stack runs there.

dev.py reads it under whatever Python was typed: standard library and old syntax only.
"""

import shlex
from pathlib import Path

from devstack.files import ROOT

DEFAULT = ROOT / ".devstack"


def chosen_folder(given: "str | None") -> Path:
    """The folder of `--state DIR`, or the default one."""
    return DEFAULT if given is None else Path(given)


def may_have_stack(folder: Path) -> bool:
    """Whether a stack may run there: cheap, and False is certain."""
    return (folder / "stack.json").exists()


def no_stack(given: "str | None") -> str:
    """The sentence for whoever wanted something of a stack that does not run."""
    option = "" if given is None else " --state " + shlex.quote(given)
    folder = chosen_folder(given).absolute()
    return f"no stack runs in {folder}: start it with python3 dev.py run{option}"
