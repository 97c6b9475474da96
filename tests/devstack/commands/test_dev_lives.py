"""`dev.py run` again and again in one folder, beside another stack: how it ends, what is kept."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.devstack.commands.dev_process import (
    ROOT,
    STOP_SECONDS,
    DevRun,
    dev,
    dev_runs,
    is_gone,
    left,
    until,
)

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

# The first of them waits for four stacks.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

OF_A_STACK = ("issuer-key.json", "acs.sqlite", "graph.sqlite")
MINE = ("mine.txt", "logs/mine.log", "tables/mine.json")


@dataclass(frozen=True)
class Life:
    """A stack from its start to its end.

    Attributes:
        carol: her ACS identity there, before anybody signs in; None if she has none.
        bot: what is known of the bot by then; None if it is not registered.
        alice: her ACS identity there.
        keys: those of the issuer.
        is_healthy: whether the app answered, and the app of the stack beside it.
        end: the exit code.
        left: the parts that still ran after it.
        is_described: whether stack.json was still there.
        output: what dev.py said.
        hung: the id of the process that no longer did anything when the end was asked for.
    """

    stack: dict[str, Any]
    carol: object
    bot: object
    alice: object
    keys: object
    is_healthy: bool
    end: int
    left: list[str]
    is_described: bool
    output: str
    hung: int | None


@pytest.fixture(scope="module")
def lives(running: DevRun, tmp_path_factory: pytest.TempPathFactory) -> list[Life]:
    """Stopped, killed, stopped while a part hangs, and begun afresh where there are files that are
    not the stack's, to be stopped in a hurry while a part hangs. In the second one the bot gets
    another name. In the last one an exported setting takes away everybody's roles."""
    state = tmp_path_factory.mktemp("lives") / "state"
    with dev_runs() as start:
        return [
            _live(start(state), signal.SIGTERM, running),
            _live(start(state, ports=()), signal.SIGKILL, running, named="Reception"),
            _live(start(state), signal.SIGHUP, running, hung="acs"),
            _live(_afresh(start, state), signal.SIGINT, running, hung="issuer"),
        ]


def _afresh(start: Callable[..., DevRun], state: Path) -> DevRun:
    for name in MINE:
        (state / name).write_text("mine")
    for name in OF_A_STACK:
        (state / name).write_text("of an old stack, and useless")
    return start(state, "--fresh", env={**os.environ, "AUTH_ROLES_CLAIM": "nobody.has.it"})


def _live(
    run: DevRun,
    end: signal.Signals,
    beside: DevRun,
    *,
    hung: str | None = None,
    named: str | None = None,
) -> Life:
    """
    Args:
        named: the bot gets this name.
        hung: a part to be hung when the end comes; SIGINT comes twice then.
    """
    parts, stack = run.until_ready().parts, run.stack
    with urlopen(f"{stack['issuer']}/jwks", timeout=10) as answer:
        keys = json.load(answer)
    health = [_status(f"{one['api']}/health") for one in (stack, beside.stack)]
    carol, bot = _ask(run, "carol", "/user"), _ask(run, "carol", "/bots/helpdesk")
    alice = _sign_in(run)
    if named is not None:
        _ask(run, "dave", "/bots/helpdesk", {"displayName": named}, "--role", "Bots.Operate")
    if hung is not None:
        os.kill(parts[hung], signal.SIGSTOP)
    run.signal(end)
    if hung is not None and end == signal.SIGINT:
        until(lambda: not (run.state / "stack.json").exists(), STOP_SECONDS, "stopping")
        run.signal(end)
    code = run.exit_code()
    if end == signal.SIGKILL:  # nobody is left to wait for them
        until(lambda: not left(parts), 20, "the parts are gone")
    described = (run.state / "stack.json").exists()
    return Life(
        stack=stack,
        carol=carol and carol["communicationUserId"],
        bot=bot,
        alice=alice,
        keys=keys,
        is_healthy=health == [200, 200],
        end=code,
        left=left(parts),
        is_described=described,
        output=run.output,
        hung=None if hung is None else parts[hung],
    )


@pytest.mark.parametrize(
    ("life", "number"), [(0, signal.SIGTERM), (2, signal.SIGHUP), (3, signal.SIGINT)]
)
def test_one_signal_to_dev_py_alone_stops_every_part(
    lives: list[Life], life: int, number: signal.Signals
) -> None:
    stopped = lives[life]

    assert (stopped.end, stopped.left, stopped.is_described) == (0, [], False), number


def test_only_a_part_that_hangs_is_killed(lives: list[Life]) -> None:
    stopped, _, hanging, in_a_hurry = lives

    assert "had to be killed" not in stopped.output
    killed = [line for line in hanging.output.splitlines() if "had to be killed" in line]
    assert killed == [f"acs (pid {hanging.hung}) had to be killed"]
    hung = f"issuer (pid {in_a_hurry.hung}) had to be killed, since Ctrl-C came again"
    assert hung in in_a_hurry.output


def test_the_parts_of_a_killed_dev_py_stop_by_themselves_and_lose_nothing(
    lives: list[Life],
) -> None:
    before, killed, after = lives[:3]

    assert (killed.end, killed.left) == (-signal.SIGKILL, [])
    # The killed stack's stack.json was still there, and did no harm.
    assert killed.is_described
    assert after.alice == killed.alice == before.alice


def test_a_restart_keeps_addresses_keys_and_identities(lives: list[Life]) -> None:
    first, *later = lives[:3]

    addresses = ("api", "issuer", "acs", "acsTls", "graph", "graphTls")
    for life in later:
        for name in (*addresses, "acsConnectionString", "tablesConnectionString"):
            assert life.stack[name] == first.stack[name]
        assert (life.keys, life.alice) == (first.keys, first.alice)


def test_a_restart_without_the_option_keeps_the_ports_of_ports_auto(lives: list[Life]) -> None:
    by_option, without = lives[:2]

    assert without.stack["issuer"] == by_option.stack["issuer"]


def test_fresh_forgets_the_stack_and_spares_what_is_not_its_own(lives: list[Life]) -> None:
    *_, before, afresh = lives

    assert afresh.keys != before.keys
    assert afresh.alice != before.alice
    assert afresh.stack["issuer"] != before.stack["issuer"]
    state = Path(afresh.stack["caFile"]).parent
    assert [(state / name).read_text() for name in MINE] == ["mine"] * len(MINE)


def test_the_people_and_the_bot_can_be_called_before_anybody_signs_in(lives: list[Life]) -> None:
    first, renamed, after = lives[:3]

    assert [type(life.carol) for life in lives] == [str] * 4
    assert first.carol == renamed.carol == after.carol
    assert isinstance(first.bot, dict)
    assert first.bot["displayName"] == "Help desk"
    assert renamed.bot == first.bot
    assert after.bot == {**first.bot, "displayName": "Reception"}


def test_a_stack_whose_app_refuses_to_register_the_bot_says_so_and_works(
    lives: list[Life],
) -> None:
    *before, refusing = lives

    assert refusing.bot is None
    why = "PUT /api/bots/helpdesk was answered 403"
    assert f"note: not everybody can be called before they sign in: {why}" in refusing.output
    assert "The stack is ready." in refusing.output
    assert not any("can be called" in life.output for life in before)


def test_two_stacks_run_beside_each_other(running: DevRun, lives: list[Life]) -> None:
    for life in lives:
        assert life.is_healthy
        assert not _addresses(life.stack) & _addresses(running.stack)


@pytest.mark.parametrize(
    ("module", "kind"),
    [("stack", "Stack"), pytest.param("warm_stack", "WarmStack", marks=pytest.mark.slow)],
)
def test_the_stack_of_a_killed_test_run_stops(tmp_path: Path, module: str, kind: str) -> None:
    """The first is one of dev.py's, whose standard input ends."""
    state = tmp_path / "state"
    test_run = (
        f"import sys, time; from pathlib import Path; from tests.support.{module} import {kind};"
        f"stack = {kind}(Path(sys.argv[1])); stack.start(); print('started', flush=True);"
        "time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", test_run, str(state)], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        stack = json.loads((state / "stack.json").read_text())
        pids = stack["pids"]
        process.kill()

    until(lambda: all(map(is_gone, pids.values())), 20, "the stack of a killed test run is gone")
    assert set(pids) == {"dev", "issuer", "tables", "acs", "graph", "web"}
    assert "blobsConnectionString" not in stack  # nobody starts the Core Tools in a test


def _addresses(stack: dict[str, Any]) -> set[str]:
    names = ("api", "issuer", "acs", "acsTls", "graph", "graphTls", "tablesConnectionString")
    return {stack[name] for name in names}


def _status(url: str) -> int:
    with urlopen(url, timeout=10) as answer:
        return int(answer.status)


def _sign_in(run: DevRun) -> object:
    """Alice's ACS identity."""
    token = _ask(run, "alice", "/token")
    return token and token["user"]


def _ask(
    run: DevRun, user: str, path: str, body: object = None, *options: str
) -> dict[str, Any] | None:
    """What the app answers to a user; None if that is 404. A body is for PUT."""
    bearer = dev("token", user, *options, "--state", str(run.state)).stdout.strip()
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "PUT"
    try:
        with urlopen(
            Request(f"{run.stack['api']}{path}", content, method=method, headers=headers)
        ) as answer:
            answered: dict[str, Any] = json.load(answer)
            return answered
    except HTTPError as refused:
        with refused:
            if refused.code == HTTPStatus.NOT_FOUND:
                return None
            raise
