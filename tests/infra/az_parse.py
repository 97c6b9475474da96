"""Run by the Python of an environment with the Azure CLI (test_az_lines.py).

Reads lists of arguments as JSON on standard input, and prints for each the exit code of `az` and
what it says. Each is a process of its own, forked from one that has imported what all need.
"""

import importlib
import json
import os
import runpy
import sys
import tempfile

_COMMON = ("azure.cli.core.commands", "azure.cli.core.extension")


def main() -> None:
    for module in _COMMON:
        importlib.import_module(module)
    print(json.dumps([exit_and_words(arguments) for arguments in json.load(sys.stdin)]))


def exit_and_words(arguments: list[str]) -> tuple[int, str]:
    with tempfile.TemporaryFile("w+") as words:
        if (child := os.fork()) == 0:
            for stream in (1, 2):
                os.dup2(words.fileno(), stream)
            _run(arguments)
        _, status = os.waitpid(child, 0)
        words.seek(0)
        return os.waitstatus_to_exitcode(status), words.read()


def _run(arguments: list[str]) -> None:
    """What `az` does; it never returns."""
    sys.argv = ["az", *arguments]
    code = 0
    try:
        runpy.run_module("azure.cli", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
