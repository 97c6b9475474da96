"""The local host runs timers as Azure does: by their schedules, and when somebody asks."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.devstack.test_functions_host import SYNC, call, new_app, write_function
from tests.support.part_process import running_part
from tests.support.ports import free_port
from tests.support.stack import wait_until_open

pytestmark = pytest.mark.emulators

# Notes what it is told, then waits until somebody makes the file `go`, and notes that too.
TIMER = """
import asyncio, json
from pathlib import Path
import azure.functions as func

HERE = Path(__file__).parent

async def main(timer: func.TimerRequest, context: func.Context) -> None:
    told = [timer.past_due, sorted(timer.schedule_status), context.function_name]
    (HERE / f"{context.invocation_id}.began").write_text(json.dumps(told))
    while not (HERE / "go").exists():
        await asyncio.sleep(0.01)
    (HERE / f"{context.invocation_id}.ended").touch()
"""
SECONDS = 20.0


def write_timer(app: Path, name: str, schedule: str) -> None:
    (app / name).mkdir()
    (app / name / "__init__.py").write_text(TIMER)
    binding = {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule}
    (app / name / "function.json").write_text(json.dumps({"bindings": [binding]}))


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never happens"
        time.sleep(0.02)


def noted(app: Path, name: str, what: str) -> list[Path]:
    return list((app / name).glob(f"*.{what}"))


@contextmanager
def running_host(app: Path, *options: str, **settings: str) -> Iterator[str]:
    """The URL of a host of an app."""
    port = free_port()
    wanted = ["--app", str(app), "--port", str(port), "--stop-with-stdin", *options]
    with (
        (app / "host.log").open("wb") as log,
        running_part("devstack.functions_host", wanted, log, environment=settings) as process,
    ):
        wait_until_open(port, lambda: process.poll() is None)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a host that runs timers on demand only, and its app."""
    app = new_app(tmp_path_factory.mktemp("app"))
    write_timer(app, "Beat", "%BEAT%")
    write_timer(app, "Lost", "%NO_SUCH_SETTING%")
    write_timer(app, "Empty", "%EMPTY%")
    write_timer(app, "Wrong", "every day")
    write_function(app, "Sync", SYNC, "sync", "get")
    with running_host(app, "--timers-on-demand", BEAT="* * * * * *", EMPTY="") as url:
        yield url, app


async def ask(url: str, name: str, body: bytes = b"{}") -> int:
    headers = {"Content-Type": "application/json"}
    status, _, answer = await call(
        f"{url}/admin/functions/{name}", method="POST", data=body, headers=headers
    )
    assert answer == b""
    return status


async def test_who_asks_for_a_run_is_answered_before_it_has_run(host: tuple[str, Path]) -> None:
    url, app = host
    status = await ask(url, "beat")  # names compare without case
    until(lambda: noted(app, "Beat", "began"))

    assert status == 202
    assert noted(app, "Beat", "ended") == []
    (app / "Beat" / "go").touch()
    until(lambda: noted(app, "Beat", "ended"))
    [began] = noted(app, "Beat", "began")
    assert json.loads(began.read_text()) == [False, ["Last", "LastUpdated", "Next"], "Beat"]
    until(lambda: f"{began.stem} Beat succeeded" in (app / "host.log").read_text())


@pytest.mark.parametrize("name", ["Lost", "Empty", "Wrong"])
async def test_a_timer_without_a_schedule_is_not_indexed_and_all_else_works(
    host: tuple[str, Path], name: str
) -> None:
    url, app = host
    log = (app / "host.log").read_text()

    assert await ask(url, name) == 404
    assert f"{name} is not indexed" in log
    assert (await call(f"{url}/api/sync"))[0] == 200
    assert "Beat is not indexed" not in log


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [("Nobody", b"{}", 404), ("Sync", b"{}", 404), ("Beat", b"", 400), ("Beat", b"null", 400)],
)
async def test_nothing_else_can_be_run_that_way(
    host: tuple[str, Path], name: str, body: bytes, status: int
) -> None:
    url, _ = host

    assert await ask(url, name, body) == status
    assert (await call(f"{url}/admin/functions/Beat"))[0] == 404


def test_timers_run_by_schedule_unless_they_run_on_demand_only(tmp_path: Path) -> None:
    apps = [tmp_path / "scheduled", tmp_path / "asked"]
    with ExitStack() as running:
        for app, options in zip(apps, ([], ["--timers-on-demand"]), strict=True):
            app.mkdir()
            write_timer(new_app(app), "Beat", "* * * * * *")
            running.enter_context(running_host(app, *options))
        scheduled, asked = apps
        (scheduled / "Beat" / "go").touch()
        until(lambda: len(noted(scheduled, "Beat", "ended")) > 1)

        assert noted(asked, "Beat", "began") == []
