"""The benchmark runs: every load is answered, and a quick run prints what it has measured."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import rows
from benchmarks.__main__ import alone
from benchmarks.bench import OURS, REFERENCE, App, Bench, Setting
from benchmarks.cases import Load, OneByOne
from benchmarks.load import BenchError
from benchmarks.measures import all_measures
from benchmarks.names import MEASURES
from benchmarks.processes import choose_cores
from tests.devstack.commands.dev_process import dev
from tests.support.stack import ROOT

pytestmark = pytest.mark.whole_stack

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

LOADS = [
    case
    for measure in all_measures()
    for case in measure.cases
    if isinstance(case, Load | OneByOne)
]
# Many people, of whom the first is in other sets too.
CROWDS = {case.setting.rows for case in LOADS if case.setting.rows.__name__ == "<lambda>"}
# Of each set: those of the first people.
FIRST_ROWS = 2500


def all_rows() -> Iterator[rows.StoredRow]:
    """What the first requests of all the loads find, once each."""
    sets = {case.setting.rows for case in LOADS if case.setting.rows not in CROWDS}
    stored = [row for each in sets for row in islice(each(), FIRST_ROWS)]
    yield from {row[:3]: row for row in stored}.values()


def bench_of(folder: Path) -> Bench:
    return Bench(folder, choose_cores(), seconds=1, warm_up=0, show=print, fastest=1)


@pytest.mark.slow
@pytest.mark.parametrize("app", [OURS, REFERENCE], ids=lambda app: app.name)
def test_every_load_is_answered(app: App, tmp_path: Path) -> None:
    bench, setting = bench_of(tmp_path), Setting(rows=all_rows)
    loads = [case for case in LOADS if case.app is app]
    assert loads
    with bench.started(app, setting) as (host, _):
        for case in loads:
            status, body = host.ask(next(iter(case.requests(bench))))

            assert status < 300, (case.name, body)


@pytest.mark.slow
def test_the_stub_answers_after_its_latency_and_over_tls(tmp_path: Path) -> None:
    bench = bench_of(tmp_path)
    setting = Setting(rows=rows.identities(1), tls=True, latency=0.001)
    [known] = [case for case in LOADS if case.name == "known, c1" and not case.setting.latency]
    request = next(iter(known.requests(bench)))

    for app in (OURS, REFERENCE):
        with bench.started(app, setting) as (host, _):
            assert host.ask(request)[0] == 200


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dev_py_lists_the_measures_and_refuses_others() -> None:
    listed, refused = dev("bench", "--help"), dev("bench", "tokens")

    assert [name for name in MEASURES if f"\n  {name} " not in listed.stdout] == []
    assert (listed.returncode, refused.returncode, refused.stdout) == (0, 2, "")
    assert "no measure 'tokens': there are token, logging, " in refused.stderr


def test_two_runs_at_once_would_measure_each_other(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(BenchError, match=r"another dev\.py bench runs"),
        alone(tmp_path),
    ):
        pass


def test_without_wrk_it_says_how_to_install_it(tmp_path: Path) -> None:
    done = run("--folder", str(tmp_path), PATH="/nowhere")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dev.py: wrk is missing")
    assert "apt-get install wrk" in done.stderr


@needs_wrk
@pytest.mark.slow
def test_a_quick_run_prints_figures_and_writes_the_page(tmp_path: Path) -> None:
    options = ("--quick", "--json", "--folder", str(tmp_path), "--docs", str(tmp_path / "docs"))

    done = run(*options, "friend")

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert list(results["measures"]) == ["friend"]
    cases = results["measures"]["friend"]["cases"]
    assert list(cases) == ["one raw row, c16", "resolve a friend, c16"]
    assert all(figures["requests/s"]["median"] > 0 for figures in cases.values())
    assert "## friend" in (tmp_path / "docs" / "performance.md").read_text("utf-8")
