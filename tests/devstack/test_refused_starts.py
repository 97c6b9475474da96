"""A start that is refused removes what it has made, and nothing else."""

import fcntl
import json
from pathlib import Path

import pytest

from devstack.stack import state_folder
from devstack.stack.run import _prepare
from devstack.stack.state_folder import StackError, StateFolder


def _refused(folder: StateFolder) -> None:
    with pytest.raises(StackError, match="in between"), folder.locked(print):
        raise StackError("in between")


def test_what_parts_of_a_killed_stack_save_while_it_waits_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_folder, "LEFTOVER_SECONDS", 0)
    folder = StateFolder(tmp_path)
    folder.tables.mkdir()
    saved = [folder.tables / "__azurite_db_table__.json", tmp_path / "acs.sqlite-journal"]

    def save(_sentence: str) -> None:
        for file in saved:
            file.write_text("the only copy")

    with folder.parts_lock_file.open("a") as parts:
        fcntl.flock(parts.fileno(), fcntl.LOCK_EX)
        with pytest.raises(StackError, match="parts of a killed stack"), folder.locked(save):
            raise AssertionError

    assert [file.read_text() for file in saved] == ["the only copy"] * 2
    assert folder.parts_lock_file.exists()


def test_a_link_to_a_disk_that_is_not_there_just_now_stays(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.path.mkdir()
    folder.tables.symlink_to(tmp_path / "disk")

    _refused(folder)

    assert folder.tables.is_symlink()


def test_a_file_where_a_folder_should_be_hides_no_reason(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("somebody's own")

    _refused(StateFolder(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


@pytest.mark.parametrize(
    ("in_the_way", "fresh"),
    # With --fresh, a damaged key is made anew.
    [("issuer-key.json", False), ("logs", False), ("logs", True)],
)
def test_what_is_in_the_way_is_found_before_anything_is_changed(
    tmp_path: Path, in_the_way: str, fresh: bool
) -> None:
    folder = StateFolder(tmp_path)
    with folder.locked(print):
        folder.keep_ports({"issuer": 7072})
        (tmp_path / "acs.sqlite").write_text("data")
        (tmp_path / in_the_way).write_text("not what should be here")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}

    with pytest.raises((StackError, OSError)), folder.locked(print):
        _started(folder, fresh=fresh)

    after = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert json.loads(after["ports.json"]) == {"issuer": 7072}
    assert after.items() >= {name: before[name] for name in ("acs.sqlite", in_the_way)}.items()


def _started(folder: StateFolder, *, fresh: bool) -> None:
    _prepare(folder, "auto", with_host=False, fresh=fresh)
    raise AssertionError
