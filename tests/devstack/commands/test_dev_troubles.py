"""If something is wrong with a machine or a clone, a sentence says so, and nobody loses
anything."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.devstack.commands.clones import (
    as_an_ordinary_user,
    bootstrap_alone,
    only_line,
    pin_a_small_package,
    somebodys_environment,
    told,
    with_our_packages,
)
from tests.devstack.commands.dev_process import ROOT

pytestmark = pytest.mark.emulators

ANSWER_SECONDS = 30


def test_without_a_command_it_shows_its_help_and_installs_nothing(tmp_path: Path) -> None:
    root = bootstrap_alone(tmp_path)
    before = {path for path in root.rglob("*") if "__pycache__" not in path.parts}

    bare = told(root)

    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout.startswith("usage: dev.py")
    for command in ("run", "token", "call", "test", "check", "doctor"):
        assert f"\n    {command} " in bare.stdout
    assert {path for path in root.rglob("*") if "__pycache__" not in path.parts} == before


def test_a_copy_of_dev_py_alone_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "dev.py").write_bytes((ROOT / "dev.py").read_bytes())

    alone = told(tmp_path, "run")

    assert alone.returncode == 1
    assert f"{tmp_path} has only a part of the repository" in only_line(alone.stderr)


def a_file(venv: Path) -> Path:
    venv.write_text("mine")
    return venv


def a_link_to_nowhere(venv: Path) -> Path:
    venv.symlink_to("nowhere")
    return venv


def a_link_to_a_folder(venv: Path) -> Path:
    kept = venv.parent / "kept" / "mine"
    kept.parent.mkdir()
    kept.write_text("mine")
    venv.symlink_to(kept.parent)
    return kept


def somebodys_folder(venv: Path) -> Path:
    venv.mkdir()
    (venv / "mine").write_text("mine")
    return venv / "mine"


def somebodys_after_a_kill(venv: Path) -> Path:
    """The state that a killed pip leaves in an environment which dev.py did not make."""
    kept = somebodys_folder(venv)
    for name in (".half-made", ".not-made-by-dev-py", "install.log"):
        (venv / name).touch()
    return kept


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (a_file, "is a file, and dev.py needs that name for a folder: move it away"),
        (a_link_to_nowhere, "is a link to nowhere, which is no folder: remove the link"),
        (a_link_to_a_folder, "was not made by dev.py, which does not remove it, and it is no"),
        (somebodys_folder, "was not made by dev.py, which does not remove it, and it is no"),
        (
            somebodys_after_a_kill,
            "was not made by dev.py, which does not remove it, and an installation into it was",
        ),
    ],
)
def test_what_stands_in_the_place_of_the_environment_is_named_and_left(
    tmp_path: Path, put: Callable[[Path], Path], why: str
) -> None:
    root = bootstrap_alone(tmp_path)
    kept = put(root / ".venv")

    refused = told(root, "doctor")

    assert refused.returncode == 1
    assert f"{root / '.venv'} {why}" in only_line(refused.stderr)
    assert os.path.lexists(kept)


def test_somebodys_own_environment_is_used_and_never_removed(tmp_path: Path) -> None:
    """If the disk is full at the last moment, when the stamp is written, a sentence says so."""
    root = bootstrap_alone(tmp_path / "clone")
    kept = somebodys_environment(root / ".venv") / "mine"
    kept.write_text("mine")
    environment = {"PATH": "", "HOME": str(tmp_path)}
    environment |= pin_a_small_package(root, tmp_path / "wheels")
    (root / ".venv" / ".stamp-run.new").symlink_to("/dev/full")

    full = told(root, "doctor", env=environment)
    (root / ".venv" / ".stamp-run.new").unlink(missing_ok=True)
    unwritten = kept.parent / ".stamp-run"

    assert full.returncode == 1
    note, *_, reason = full.stderr.splitlines()  # between them, how far it is
    assert note.startswith(f"note: {root / '.venv'} was not made by dev.py, which does not remove")
    assert reason.startswith("dev.py: cannot install: ")
    assert "because the disk is full: make room, and start again" in reason
    assert not unwritten.exists()
    assert (kept.parent / "lib" / "python3.13" / "site-packages" / "tiny.py").exists()
    assert kept.read_text() == "mine"


def test_a_machine_that_is_offline_is_asked_whether_it_is(tmp_path: Path) -> None:
    root = bootstrap_alone(tmp_path)
    somebodys_environment(root / ".venv")
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1"}
    environment = {"PATH": "", "HOME": str(root), "PIP_CONFIG_FILE": os.devnull, **nobody}

    offline = told(root, "doctor", env=environment)

    assert offline.returncode == 1
    reason = only_line(offline.stderr.splitlines(keepends=True)[-1])
    assert "the package index cannot be reached: is this machine online?" in reason
    assert str(root / ".venv" / "install.log") in reason


@pytest.mark.slow
def test_npm_without_a_network_asks_it_too(tmp_path: Path) -> None:
    root = bootstrap_alone(tmp_path)
    (root / ".venv").symlink_to(ROOT / ".venv")
    folder = root / "devstack" / "node"
    folder.mkdir()
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((ROOT / "devstack" / "node" / name).read_bytes())
    nobody = {"npm_config_registry": "http://127.0.0.1:1", "npm_config_fetch_retries": "0"}
    cache = {"npm_config_cache": str(tmp_path / "cache"), "npm_config_userconfig": os.devnull}

    offline = told(root, "run", env={"PATH": "", "HOME": str(root), **nobody, **cache})

    assert offline.returncode == 1
    reason = only_line(offline.stderr.splitlines(keepends=True)[-1])
    assert "installing npm packages in devstack/node failed: " in reason
    assert "is this machine online?" in reason


def test_a_clone_without_a_part_of_it_says_how_to_get_it_back(tmp_path: Path) -> None:
    root = with_our_packages(tmp_path)

    broken = told(root, "test")

    assert broken.returncode == 1
    assert f"{root}/tests/node/package.json is missing" in only_line(broken.stderr)
    assert "git checkout -- tests/node" in broken.stderr


def test_a_clone_that_cannot_be_written_is_said_to_be_one(tmp_path: Path) -> None:
    root = bootstrap_alone(tmp_path / "empty")
    installed = with_our_packages(tmp_path / "installed")
    for folder in (root, installed):
        folder.chmod(0o555)

    nothing = told(root, "run", preexec_fn=as_an_ordinary_user)
    all_there = told(installed, "run", preexec_fn=as_an_ordinary_user)

    for folder in (root, installed):
        folder.chmod(0o755)
    assert (nothing.returncode, all_there.returncode) == (1, 1)
    assert (
        f"{root / '.venv.lock'} cannot be used, because this user has no permission"
        in only_line(nothing.stderr)
    )
    # All is installed, and only the stack needs a folder of its own.
    assert f"cannot write to {installed / '.devstack'} " in only_line(all_there.stderr)
    assert "--state DIR chooses another folder" in all_there.stderr
