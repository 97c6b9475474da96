"""Which settings `dev.py doctor` looks at, and where they came from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.commands.state_option import chosen_folder, no_stack
from devstack.files import ROOT
from devstack.stack.state_folder import CannotStart, State


@dataclass(frozen=True)
class Settings:
    source: str  # for a person
    values: Mapping[str, str]
    of_stack: bool = False  # they win over the environment then, as they do in `dev.py run`


def find_settings(file: Path | None, given_state: str | None) -> Settings:
    """Those of the named file, else of the stack in the folder that was named, else of
    local.settings.json, else of the stack in the default folder.

    Raises:
        CannotStart: the file cannot be read, or is not of the shape of a local.settings.json; or
            no stack runs in the named folder.
    """
    local = ROOT / "local.settings.json"
    if file is None and given_state is None and local.exists():
        file = local
    if file is not None:
        return Settings(str(file), _values(file))
    state = State(chosen_folder(given_state))
    stack = state.running_stack()
    if stack is not None and isinstance(settings := stack.get("settings"), dict):
        return Settings(f"the running stack ({state.stack_file})", settings, of_stack=True)
    if given_state is not None:
        raise CannotStart(no_stack(given_state))
    return Settings("environment variables only: no local.settings.json, no running stack", {})


def _values(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CannotStart(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CannotStart(f"{file} is not JSON: {error}") from error
    values = content.get("Values") if isinstance(content, dict) else None
    if not isinstance(values, dict):
        raise CannotStart(f'{file} has no object "Values"')
    if content.get("IsEncrypted"):
        raise CannotStart(f"{file} is encrypted: decrypt it with `func settings decrypt` first")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
