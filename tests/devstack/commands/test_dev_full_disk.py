"""A disk that is full: before the start, while a stack runs, and at its end."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.data.tables import TableServiceClient

from devstack.stack import azurite
from devstack.stack.disk import watch_the_disk
from devstack.stack.locks import is_still_at, open_or_make
from devstack.stack.parts import Part
from devstack.stack.state_folder import StackError, StateFolder
from devstack.stack.supervisor import PartDied, Supervisor
from tests.devstack.commands.dev_process import ROOT, DevRun, until
from tests.support.ports import free_port
from tests.support.stack import wait_until_open

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

FULL_FILE = "/dev/full"
ANSWER_SECONDS = 30
TINY_KIB = 3072
LAST_TABLE = "intents"  # that is made at a start


def test_a_folder_that_cannot_be_locked_for_want_of_room_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.lock").symlink_to(FULL_FILE)

    with pytest.raises(StackError) as refused, StateFolder(tmp_path).locked(print):
        pass

    assert f"{tmp_path / 'stack.lock'} cannot be written, because the disk is full" in str(
        refused.value
    )


def test_a_start_that_is_refused_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    there, new = StateFolder(tmp_path), StateFolder(tmp_path / "new" / "state")
    (tmp_path / "issuer-key.json").write_text("of an earlier stack")
    (tmp_path / "mine").write_text("somebody's own")

    for folder in (there, new):
        with pytest.raises(StackError, match="in between"):
            _refused_in_between(folder)

    assert {path.name for path in tmp_path.iterdir()} == {"issuer-key.json", "mine"}


def _refused_in_between(folder: StateFolder) -> None:
    with folder.locked(print):
        folder.keep_ports({"web": 1})
        folder.acs_key.write_text("written now")
        folder.tables.mkdir()
        raise StackError("in between")


def test_a_lock_file_that_was_removed_and_made_again_is_another_one(tmp_path: Path) -> None:
    """A start that is refused removes its lock, for which another start may wait."""
    file = tmp_path / "lock"
    removed, _ = open_or_make(file)
    file.unlink()
    standing, is_new = open_or_make(file)

    assert is_new
    assert (is_still_at(removed, file), is_still_at(standing, file)) == (False, True)
    for descriptor in (removed, standing):
        os.close(descriptor)


class Disk(StateFolder):
    """Full whenever a test wants it."""

    full = False

    def is_full(self) -> bool:
        return self.full


async def test_a_running_stack_tells_once_that_the_disk_is_full_and_that_it_is_not(
    tmp_path: Path,
) -> None:
    disk, said = Disk(tmp_path), asyncio.Queue[str]()
    watch = asyncio.create_task(watch_the_disk(disk, said.put_nowait, seconds=0))

    disk.full = True
    full = await said.get()
    await asyncio.sleep(0)
    disk.full = False
    again = await said.get()
    watch.cancel()

    assert full.startswith(f"the disk of {tmp_path} is full: ")
    assert again == f"the disk of {tmp_path} has room again"
    assert said.empty()


def test_a_file_system_that_counts_nothing_is_not_taken_for_a_full_one() -> None:
    assert os.statvfs("/proc").f_bavail == 0
    assert not StateFolder(Path("/proc")).is_full()


async def test_a_part_that_says_that_it_found_no_room_is_told_in_one_line(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.logs.mkdir()
    supervisor = Supervisor(folder, os.open(os.devnull, os.O_RDONLY))
    part = Part("acs", ["sh", "-c", "echo 'database or disk is full'; exit 1"])

    with pytest.raises(PartDied) as died:
        await supervisor.run(part)

    why = f"because the disk of {tmp_path} is full: make room, and start again"
    assert str(died.value) == f"acs ended with exit code 1, {why} ({folder.log('acs')})"


@pytest.mark.emulators
def test_what_azurite_could_not_write_is_written_once_there_is_room(tmp_path: Path) -> None:
    """And if there is none at the end, its exit code says that something is lost."""
    data = tmp_path / "__azurite_db_table__.json"
    in_its_way, port = tmp_path / f"{data.name}~", free_port()
    with (
        (tmp_path / "log").open("w+") as log,
        subprocess.Popen(
            azurite.command(port=port, folder=tmp_path),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        ) as process,
        TableServiceClient.from_connection_string(azurite.connection_string(port)) as tables,
    ):
        try:
            wait_until_open(port)
            until(data.exists, ANSWER_SECONDS, "it is ready")
            until(lambda: _linked(in_its_way), ANSWER_SECONDS, "Azurite does not write")
            tables.create_table("first")
            _until_said(tmp_path / "log", f"{data} cannot be written: ")
            assert "first" not in data.read_text()

            in_its_way.unlink()
            _until_said(tmp_path / "log", f"{data} is written again")
            assert "first" in data.read_text()

            until(lambda: _linked(in_its_way), ANSWER_SECONDS, "Azurite does not write")
            tables.create_table("second")
            process.send_signal(signal.SIGINT)
            assert process.wait(ANSWER_SECONDS) == 1
        finally:
            process.kill()
    assert "second" not in data.read_text()


def _linked(file: Path) -> bool:
    """Whether there is room for nothing in the file now; not while Azurite has one of that name."""
    with contextlib.suppress(FileExistsError):
        file.symlink_to(FULL_FILE)
    return file.is_symlink()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TINY_KIB}k,mode=0777", "tmpfs", str(folder)]
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if subprocess.run([*as_root, *mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("nobody here may mount a disk")
    yield folder
    subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_stack_whose_disk_is_full_says_so_and_starts_again_when_there_is_room(
    dev_run: Callable[..., DevRun], tiny_disk: Path
) -> None:
    filling = tiny_disk / "filling"
    _fill(filling)
    refused = dev_run(tiny_disk, "--without-host")
    assert refused.exit_code(seconds=60) == 1
    assert f"cannot write to {tiny_disk} " in refused.output
    assert [path.name for path in tiny_disk.iterdir()] == [filling.name]

    filling.unlink()
    filled = dev_run(tiny_disk, "--without-host").until_ready()
    data = tiny_disk / "tables" / "__azurite_db_table__.json"
    in_the_way = data.with_name(f"{data.name}~")
    # What it replaced while the disk is filled would be room for what comes later.
    until(
        lambda: _is_saved(data, LAST_TABLE) and not in_the_way.exists(),
        ANSWER_SECONDS,
        "Azurite has written all tables",
    )
    _fill(filling)
    until(lambda: "is full: " in filled.output, ANSWER_SECONDS, "it says that the disk is full")
    with TableServiceClient.from_connection_string(
        filled.stack["tablesConnectionString"]
    ) as tables:
        tables.create_table("lost")
    until(in_the_way.exists, ANSWER_SECONDS, "Azurite has tried to write it")
    assert filled.signal(signal.SIGINT).exit_code() == 1
    assert f"tables could not write its data, because the disk of {tiny_disk} is full: " in (
        filled.output
    )

    filling.unlink()
    again = dev_run(tiny_disk, "--without-host").until_ready()
    assert again.signal(signal.SIGINT).exit_code() == 0
    for run in (refused, filled, again):
        assert "Traceback" not in run.output


def _fill(file: Path) -> None:
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filling:
        while filling.write(bytes(4096)):
            pass


def _is_saved(data: Path, text: str) -> bool:
    return data.exists() and text in data.read_text()


def _until_said(log: Path, text: str) -> None:
    until(lambda: text in log.read_text(), ANSWER_SECONDS, text, log.read_text)
