"""The operator's command: its output, its exit code, and the data that it does not print."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from devstack.stack import azurite
from shared.calls.row_keys import index_row
from shared.calls.rows import RECORD_ROW
from shared.operate import check_data as command
from shared.operate import data_check, progress
from shared.operate.check_data import read_arguments
from shared.operate.pace import Pace
from shared.operate.progress import Progress
from shared.tables import CALLS
from tests.calls.test_calls import is_connected, place, watched
from tests.golden.rows import TABLES, golden_rows, golden_tables
from tests.support.azurite_tls import environment_with, tls_tables
from tests.support.own_tables import own_tables
from tests.support.people import FRIENDS, People, befriend
from tests.support.ports import free_port
from tests.support.stack import ROOT, Stack, StartHost, wait_until_open
from tests.support.storage import mapping_key, table

__all__ = ["tls_tables"]


@pytest.fixture(scope="module")
def tables(stack: Stack) -> Iterator[Stack]:
    """The stack with tables of these tests' own."""
    with own_tables(stack) as other:
        yield other


# No test waits two minutes between the looks: the command is started with a shorter pause. And a
# slow machine does not have it show progress, whose lines come by the clock.
COMMAND = (
    "import sys; from shared.operate import check_data, data_check, progress;"
    " data_check.PAUSE_SECONDS = 0; progress._QUIET_SECONDS = 600;"
    " sys.exit(check_data.main(sys.argv[1:]))"
)


def check_data(settings: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=ROOT,
        env=environment_with(settings),
        capture_output=True,
        text=True,
        check=False,
    )


def check_data_here(
    settings: dict[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """The same in this process, which has loaded the command already."""
    with (
        patch.object(data_check, "PAUSE_SECONDS", 0),
        patch.object(progress, "_QUIET_SECONDS", 600),
        redirect_stdout(io.StringIO()) as output,
        redirect_stderr(io.StringIO()) as errors,
    ):
        try:
            code = command.main(arguments, settings)
        finally:
            logging.disable(logging.NOTSET)  # it logs nothing as long as it runs
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


def test_tables_in_which_nothing_is_are_in_order(tables: Stack) -> None:
    done = check_data(tables.settings)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "all is as it must be"


async def test_what_the_product_stores_is_in_order_and_acs_is_asked_about_calls(
    tables: Stack, start_host: StartHost, people: People
) -> None:
    host = await start_host(TABLES_CONNECTION_STRING=tables.settings["TABLES_CONNECTION_STRING"])
    alice, bob, carol = people(host, "alice", "bob", "carol")
    alice.sign_in("Meetings.Schedule", "Calls.Manage")
    await befriend(alice, bob)
    await carol.add(alice.id)
    await alice.remove(carol.id, "?block=true")
    await alice.token()
    await alice.share(str(uuid.uuid4()), FRIENDS, title="Hers")
    await alice.share(str(uuid.uuid4()), {"space": "lounge"}, title="Lounge")
    placed = (await place(alice, {"user": bob.id})).json["id"]
    await watched(alice, placed, is_connected)
    await carol.forget()

    done = await asyncio.to_thread(check_data_here, tables.settings)
    await store_call_that_acs_has_not(tables, mapping_key(tables, alice.id), placed)
    lost = await asyncio.to_thread(check_data_here, tables.settings)
    repaired = await asyncio.to_thread(check_data_here, tables.settings, "--repair", "--yes")

    assert (done.returncode, done.stderr) == (0, "")
    assert (lost.returncode, lost.stderr) == (1, "")
    assert "FOUND call-ended-in-acs: 1 in calls" in lost.stdout
    assert repaired.returncode == 0, repaired.stdout


async def store_call_that_acs_has_not(stack: Stack, creator: str, like: str) -> None:
    """A call like another of ten minutes ago, whose end ACS has told in vain."""
    call_id, created_at = uuid.uuid4().hex, datetime.now(UTC) - timedelta(minutes=10)
    async with table(stack, CALLS) as rows:
        record = dict(await rows.get_entity(like, RECORD_ROW))
        changed = {"createdAt": created_at, "connectionId": str(uuid.uuid4())}
        await rows.create_entity({**record, "PartitionKey": call_id, **changed})
        index = {"callId": call_id, "request": "request-1", "live": True}
        keys = {"PartitionKey": creator, "RowKey": index_row(created_at, call_id)}
        await rows.create_entity({**keys, **index})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_findings_are_planned_and_then_repaired_and_nobody_is_named(tables: Stack) -> None:
    """Its clock is the true one, so for the golden rows it finds only faults that do not depend on
    the time."""
    with golden_tables(tables.values["tablesConnectionString"]) as golden:
        before = {name: golden.now(name) for name in TABLES}
        planned = check_data(tables.settings, "--repair", "--examples", "1000", "--rate", "2000")
        unchanged = {name: golden.now(name) for name in TABLES}
        repaired = check_data(tables.settings, "--repair", "--yes", "--rate", "2000")
        again = check_data(tables.settings, "--examples", "0", "--rate", "2000")

    assert [planned.returncode, repaired.returncode, again.returncode] == [1, 1, 1]
    assert unchanged == before
    lines = planned.stdout.splitlines()
    [spares] = [n for n, text in enumerate(lines) if text == "FOUND spare-left: 3 in identities"]
    examples = lines[spares + 1].removeprefix("      such as ").split(", ")
    assert [len(example) for example in examples] == [12, 12, 12]
    assert lines[spares + 2].startswith("      would be repaired: the ACS identity of an enrolment")
    assert lines[-1] == "nothing was changed; --repair --yes does it"
    assert "      repaired 3: the ACS identity of an enrolment" in repaired.stdout
    assert "FOUND friendship-yes-not-copied: 1" in again.stdout
    assert "spare-left" not in again.stdout
    assert "such as" not in again.stdout
    assert "left to Tidy" in again.stdout
    check_secrecy(tables, planned.stdout + planned.stderr)


def check_secrecy(tables: Stack, printed: str) -> None:
    """No key, no value of any row, and nothing of the settings is printed."""
    for name in TABLES:
        for row in golden_rows(name):
            texts = {str(value) for kind, value in row.properties.values() if kind == "Edm.String"}
            long_ones = {text for text in (*texts, *row.key) if len(text) > 14}
            assert not [text for text in long_ones if text in printed]
    for name in ("COMMUNICATION_CONNECTION_STRING", "TABLES_CONNECTION_STRING"):
        assert tables.settings[name] not in printed
    for secret in ("AccountKey", "accesskey", "+1425", "8:acs"):
        assert secret not in printed


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"AUTH_AUDIENCE": ""}, "setting AUTH_AUDIENCE: ", marks=pytest.mark.slow),
        ({"TABLES_CONNECTION_STRING": "{wrong key}"}, "Storage Table Data Contributor"),
        ({"TABLES_CONNECTION_STRING": "{bare}"}, "python -m shared.operate.provision"),
    ],
)
def test_it_says_why_it_cannot_look(stack: Stack, changed: dict[str, str], told: str) -> None:
    port, strings = free_port(), stack.settings["TABLES_CONNECTION_STRING"]
    values = {
        "{wrong key}": strings.replace("AccountKey=", "AccountKey=AAAA"),
        "{bare}": azurite.connection_string(port),
    }
    settings = {name: values.get(value, value) for name, value in changed.items()}
    with bare_tables(port) if "{bare}" in changed.values() else nullcontext():
        done = check_data_here({**stack.settings, **settings})

    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "AAAA" not in done.stderr


@contextmanager
def bare_tables(port: int) -> Iterator[None]:
    """Storage in which nobody has made a table."""
    command = azurite.command(port=port, folder=None)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        try:
            wait_until_open(port)
            yield
        finally:
            process.kill()


@pytest.mark.slow
def test_it_works_by_managed_identity_and_by_dev_py(
    tls_tables: dict[str, str], tmp_path: Path
) -> None:
    """Neither storage nor ACS is reached by a key; with nothing found there is no pause."""
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": tls_tables}))
    environment = environment_with({})
    environment.pop("SSL_CERT_FILE", None)

    done = subprocess.run(
        [sys.executable, "dev.py", "check-data", "--settings", str(file), "--repair"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all is as it must be"


@pytest.mark.emulators
def test_settings_that_are_not_there_are_not_taken_for_findings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "dev.py", "check-data", "--settings", str(tmp_path / "none.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "none.json" in done.stderr


class Turns:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_requests_wait_for_their_turn() -> None:
    clock = Turns()
    pace = Pace(10, clock, clock.sleep)

    times = []
    for _ in range(4):
        await pace.turn()
        times.append(round(clock.now, 3))
    clock.now += 60
    await pace.turn()

    assert times == [100.0, 100.1, 100.2, 100.3]
    assert clock.now == pytest.approx(160.3)  # what was not used is not saved up


def test_progress_is_shown_after_two_seconds_and_from_time_to_time() -> None:
    stream, clock = io.StringIO(), Turns()
    progress = Progress("check-data", stream, clock)

    for seconds in (1, 1, 1, 8, 1):
        clock.now += seconds
        progress.show("friends, 1 rows")
    progress.end()

    assert stream.getvalue().splitlines() == [
        "check-data: friends, 1 rows ... 2 s",
        "check-data: friends, 1 rows ... 12 s",
    ]


@pytest.mark.parametrize(
    "wrong", [["--yes"], ["--examples", "-1"], ["--rate", "0"], ["--rate", "nan"], ["x"]]
)
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        read_arguments(wrong)

    assert refused.value.code == 2
