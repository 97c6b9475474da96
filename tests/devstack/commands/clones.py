"""Copies of the repository, or of the files that dev.py needs before it has a Python 3.13, and the
ways in which somebody may start dev.py there."""

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.devstack.commands.dev_process import ROOT, default_signals

# Read by whatever Python was typed, before a 3.13 is found.
BOOTSTRAP = (
    *("dev.py", "benchmarks/__init__.py", "benchmarks/names.py"),
    *("devstack/__init__.py", "devstack/app_schemes.py"),
    *("devstack/files.py", "devstack/os_errors.py"),
    *("devstack/commands/__init__.py", "devstack/commands/state_option.py"),
    *("devstack/commands/arguments.py", "devstack/commands/endings.py"),
    *(
        f"devstack/installation/{name}.py"
        for name in (
            *("__init__", "bootstrap", "failures", "node_packages", "progress", "pythons"),
            *("stamps", "steps", "virtual_environment"),
        )
    ),
)
REQUIREMENTS = ("requirements-run.txt", "requirements-dev.txt")

PYTHON = os.path.realpath(sys.executable)  # without the packages of .venv

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1


def bootstrap_alone(root: Path) -> Path:
    """A folder with the files that dev.py reads before it installs."""
    for name in (*BOOTSTRAP, *REQUIREMENTS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    return root


def with_our_packages(root: Path) -> Path:
    """The same, with all packages, by links to those of this repository."""
    bootstrap_alone(root)
    for name in ("devstack", "shared"):
        ignored = shutil.ignore_patterns("node", "__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=ignored, dirs_exist_ok=True)
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "devstack" / "node").symlink_to(ROOT / "devstack" / "node")
    return root


def started(
    root: Path, *arguments: str, python: str = PYTHON, **options: object
) -> "subprocess.Popen[str]":
    """dev.py of that folder, with its output in pipes, and no program on the path."""
    how = {"env": {"PATH": "", "HOME": str(root)}, "stdout": subprocess.PIPE, **options}
    with default_signals():
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [python, str(root / "dev.py"), *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )


def told(
    root: Path, *arguments: str, seconds: float = 100, **options: object
) -> "subprocess.CompletedProcess[str]":
    """dev.py of that folder, run to its end."""
    with started(root, *arguments, **options) as process:  # type: ignore[arg-type]
        out, err = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def as_an_ordinary_user() -> None:
    """In a child before it starts: modes of files hold for it, also where root runs the tests."""
    ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)


def with_ctrl_c_pressed() -> None:
    """In a child before it starts: Ctrl-C comes at the first moment at which it can."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.kill(os.getpid(), signal.SIGINT)


def somebodys_environment(folder: Path) -> Path:
    """A virtual environment of Python 3.13 that has pip, made by hand."""
    options = ["--without-pip", "--system-site-packages"]  # with pip it takes seconds
    subprocess.run([PYTHON, "-m", "venv", *options, str(folder)], check=True)
    return folder


def pin_a_small_package(root: Path, wheels: Path) -> dict[str, str]:
    """Reduce the requirements there to one small package; returns the settings by which pip finds
    it."""
    wheels.mkdir()
    wheel = wheels / "tiny-1.0-py3-none-any.whl"
    about = "tiny-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny.py", "")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name in REQUIREMENTS:
        (root / name).write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}


def only_line(said: str) -> str:
    """The text that dev.py printed, which has to be one line."""
    assert len(said.splitlines()) == 1, said
    assert said.startswith("dev.py: ")
    return said
