"""What a state folder may hold that is damaged, or was left by another version."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.commands.state_option import no_stack_message
from devstack.emulation.database import Database, DatabaseUnusable
from devstack.issuer.tokens import issuer_key
from devstack.stack.certificates import certificates
from devstack.stack.state_folder import StackError, StateFolder

SCHEMA = "CREATE TABLE IF NOT EXISTS calls (id TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID;"


@pytest.mark.parametrize(
    "earlier",
    [
        "CREATE TABLE calls (id TEXT PRIMARY KEY)",
        "CREATE TABLE calls (id TEXT PRIMARY KEY, state TEXT, other TEXT)",
        "CREATE TABLE calls (id TEXT, position TEXT)",
    ],
)
def test_a_database_of_another_version_is_named_with_the_way_out(
    tmp_path: Path, earlier: str
) -> None:
    file = tmp_path / "acs.sqlite"
    with sqlite3.connect(file) as database:
        database.execute(earlier)
    database.close()

    with pytest.raises(DatabaseUnusable) as told:
        Database(file).create(SCHEMA)

    assert str(told.value).startswith(f"{file} cannot be used (table calls has other columns)")
    assert "`dev.py run --fresh`" in str(told.value)


def test_a_database_of_this_version_and_one_with_fewer_tables_are_used(tmp_path: Path) -> None:
    for _ in range(2):
        database = Database(tmp_path / "acs.sqlite")
        database.create(SCHEMA)
        database.close()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "acs.sqlite").write_text("no database, but a text that is long enough" * 100)

    with pytest.raises(DatabaseUnusable, match="is not a database"):
        Database(tmp_path / "acs.sqlite")


@pytest.mark.parametrize("content", ["", "null", "{}", "no key"])
def test_what_is_no_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)

    with pytest.raises(OSError, match=f"{file} holds no RSA key: remove it"):
        SigningKey(file)
    with pytest.raises(ValueError, match=r"key|JSON|value"):
        issuer_key(file)


@pytest.mark.parametrize("name", ["server.pem", "ca.pem"])
def test_what_is_no_certificate_is_named(tmp_path: Path, name: str) -> None:
    assert certificates(tmp_path) == certificates(tmp_path)
    (tmp_path / name).write_text("nothing")

    with pytest.raises(ValueError, match=r"server\.pem or ca\.pem holds no certificate"):
        certificates(tmp_path)


@pytest.mark.parametrize("changed", [{"settings": None}, {"issuer": 7}, {"users": []}])
def test_a_running_stack_of_another_version_is_to_be_started_again(
    tmp_path: Path, changed: dict[str, object]
) -> None:
    folder = StateFolder(tmp_path)
    told = {"pids": {"dev": os.getpid()}, "issuer": "", "acs": "", "users": {}, "settings": {}}
    with folder.locked(print):
        folder.publish(told)
        assert folder.running_stack() == told
        folder.stack_file.write_text(json.dumps(told | changed))
        with pytest.raises(StackError, match=r"of another version of dev\.py: stop that stack"):
            folder.running_stack()


def test_a_stack_that_is_starting_is_said_to_be_not_ready(tmp_path: Path) -> None:
    with StateFolder(tmp_path).locked(print):
        starting = no_stack_message(str(tmp_path))

    assert starting == f"the stack in {tmp_path} is not ready yet: wait until it says so"
    assert no_stack_message(str(tmp_path)).startswith(f"no stack runs in {tmp_path}: start it")
