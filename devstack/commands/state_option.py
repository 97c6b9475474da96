"""The option `--state`: which folder it means, and the error if no stack runs there.

Readable by Python 3.6, and standard library only (see dev.py).
"""

import shlex
from pathlib import Path

from devstack.files import ROOT

DEFAULT = ROOT / ".devstack"


def chosen_folder(given: "str | None") -> Path:
    """The folder of `--state DIR`, or the default one."""
    return DEFAULT if given is None else Path(given)


def may_have_stack(folder: Path) -> bool:
    """Whether a stack may run there. A cheap check: False is certain, True is not."""
    return (folder / "stack.json").exists()


def no_stack_message(given: "str | None") -> str:
    """The error of a command that needs a running stack, when none runs, or is ready yet."""
    option = "" if given is None else " --state " + shlex.quote(given)
    folder = chosen_folder(given).absolute()
    if _is_locked(folder / "stack.lock"):
        return f"the stack in {folder} is not ready yet: wait until it says so"
    return f"no stack runs in {folder}: start it with python3 dev.py run{option}"


def _is_locked(file: Path) -> bool:
    """Whether a process holds the lock, as a stack does from its start to its end."""
    import fcntl  # here, because Windows has none, and is told so later

    try:
        with file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
