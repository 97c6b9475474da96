"""The settings that `dev.py doctor` checks, and where they come from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.commands.state_option import chosen_folder, no_stack_message
from devstack.files import ROOT
from devstack.stack.state_folder import StackError, StateFolder


@dataclass(frozen=True)
class Settings:
    """Settings of the app.

    Args:
        source: where they come from, for a person.
        of_stack: whether they are of a stack. Then they replace environment variables, as in
            `dev.py run`.
    """

    source: str
    values: Mapping[str, str]
    of_stack: bool = False


def find_settings(file: Path | None, given_state: str | None) -> Settings:
    """The settings in `file`, else of the stack in `given_state`, else in local.settings.json, else
    of the stack in the default folder.

    Raises:
        StackError: the file cannot be read or is not like local.settings.json, or no stack runs in
            `given_state`.
    """
    local = ROOT / "local.settings.json"
    if file is None and given_state is None and local.exists():
        file = local
    if file is not None:
        return Settings(str(file), _values(file))
    folder = StateFolder(chosen_folder(given_state))
    stack = folder.running_stack()
    if stack is not None and isinstance(settings := stack.get("settings"), dict):
        return Settings(f"the running stack ({folder.stack_file})", settings, of_stack=True)
    if given_state is not None:
        raise StackError(no_stack_message(given_state))
    # People ask the doctor before they have started anything.
    nothing = "none found: no local.settings.json, no running stack"
    start = "To look at the local stack, start it first: python3 dev.py run"
    return Settings(f"{nothing}. {start}. What follows is of environment variables only.", {})


def _values(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise StackError(f"{file} is not JSON: {error}") from error
    values = content.get("Values") if isinstance(content, dict) else None
    if not isinstance(values, dict):
        raise StackError(f'{file} has no object "Values"')
    if content.get("IsEncrypted"):
        raise StackError(f"{file} is encrypted: decrypt it with `func settings decrypt` first")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
