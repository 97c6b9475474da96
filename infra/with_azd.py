"""python -m infra.with_azd COMMAND ...: run an operator's command for the app that azd knows.

It gets the values of `azd env get-values` as its settings, and asks Azure as the person who is
signed in to azd. The values are read as JSON: in its other form azd writes +1425 as 1425, and puts
backslashes into texts. They are handed on in the environment, and never as arguments.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_COMMANDS = ("doctor", "check_data", "teams_phone", "provision", "tables_copy")
_AZD = ["azd", "env", "get-values", "--output", "json"]


class NoValuesError(Exception):
    """azd gives no values; the message says why, and holds none."""


def values_of_azd() -> dict[str, str]:
    """The values of the azd environment that is selected.

    Raises:
        NoValuesError: there are none.
    """
    try:
        done = subprocess.run(_AZD, cwd=_ROOT, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        raise NoValuesError(f"azd cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise NoValuesError("azd env get-values failed; azd env select chooses an environment")
    try:
        values = json.loads(done.stdout)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise NoValuesError("what azd env get-values prints is no object of texts")
    return values


def environment_of(own: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command: what azd says wins over what is set on this machine."""
    return {**own, **values, "AZURE_TOKEN_CREDENTIALS": "AzureDeveloperCliCredential"}


def main(arguments: Sequence[str]) -> int:
    """Returns only if the command cannot be run."""
    if not arguments or arguments[0] not in _COMMANDS:
        print(f"python -m infra.with_azd COMMAND: one of {', '.join(_COMMANDS)}", file=sys.stderr)
        return 2
    try:
        environment = environment_of(os.environ, values_of_azd())
    except NoValuesError as reason:
        print(f"with_azd: {reason}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", f"shared.operate.{arguments[0]}", *arguments[1:]]
    os.chdir(_ROOT)
    return _become(command, environment)


def _become(command: list[str], environment: Mapping[str, str]) -> int:
    os.execve(sys.executable, command, environment)  # noqa: S606  every part of it is known


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
