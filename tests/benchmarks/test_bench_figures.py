"""What was measured becomes the right figures, goals, page and plots."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.cases import P50, REQUESTS
from benchmarks.goals import Goal
from benchmarks.load import BenchError, LoadResult, read_result, total
from benchmarks.measures import Measure, all_measures
from benchmarks.names import MEASURES
from benchmarks.report import terminal_text, write_page
from benchmarks.results import Results, result_of
from tests.support.stack import ROOT

# Two rounds of each case; the machine was busy in the second.
SAMPLES = {
    "reference, c16": [{REQUESTS: 1000.0, P50: 2.0}, {REQUESTS: 500.0, P50: 4.0}],
    "known, c16": [{REQUESTS: 800.0, P50: 3.0}, {REQUESTS: 450.0, P50: 5.0}],
}
FASTER = Goal(case="known, c16", quantity=REQUESTS, over="reference, c16", at_least=0.8)
QUICK = Goal(case="known, c16", quantity=P50, at_most=3.5)


@pytest.fixture
def results() -> Results:
    [token] = [measure for measure in all_measures() if measure.name == "token"]
    named = {case.name: case for case in token.cases}
    cases = tuple(named[name] for name in SAMPLES)
    measure = Measure("token", REQUESTS, (cases,), (FASTER, QUICK))
    return {
        "machine": {"processor": "a <fast> one"},
        "options": {"rounds": "2"},
        "measures": {"token": result_of(measure, SAMPLES)},
        "faults": [],
    }


def test_what_wrk_prints_is_read() -> None:
    output = (
        "Running 1s test @ http://127.0.0.1:1\n  1 threads and 16 connections\n"
        'RESULT {"requests": 300, "sent": 316, "seconds": 1.5, "p50": 2.25, "p99": 9.5,'
        ' "refused": 1, "broken": 2}\n'
    )

    result = read_result(output)

    assert (result.requests, result.sent, result.p50, result.p99) == (300, 316, 2.25, 9.5)
    assert (result.refused, result.broken) == (1, 2)


def test_what_is_on_its_way_at_the_end_counts_half() -> None:
    assert LoadResult(292, 308, 1.5, 2.25, 9.5, 0, 0).per_second == 200.0


def test_seconds_of_a_load_become_one_result() -> None:
    fast = LoadResult(90, 98, 1.0, 1.0, 3.0, 1, 0)
    slow = LoadResult(10, 14, 1.5, 9.0, 27.0, 0, 2)
    silent = LoadResult(0, 4, 1.5, 0.0, 0.0, 0, 0)

    assert total([fast, slow, silent]) == LoadResult(100, 116, 4.0, 5.0, 15.0, 1, 2)


def test_a_load_without_a_result_says_what_wrk_said() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        read_result("", "unable to connect to 127.0.0.1:1")


def test_a_ratio_is_that_of_the_rounds_and_not_of_the_medians() -> None:
    assert FASTER.value(SAMPLES) == pytest.approx((0.8 * 0.9) ** 0.5)
    assert QUICK.value(SAMPLES) == 4.0


@pytest.mark.parametrize(("value", "met"), [(0.79, False), (0.8, True), (0.81, True)])
def test_a_bound_from_below_is_met_from_there_on(value: float, met: bool) -> None:
    assert FASTER.is_met(value) is met


@pytest.mark.parametrize(("value", "met"), [(3.4, True), (3.5, True), (3.6, False)])
def test_a_bound_from_above_is_met_up_to_there(value: float, met: bool) -> None:
    assert QUICK.is_met(value) is met


def test_what_the_machine_does_not_tell_has_no_value() -> None:
    unknown = Goal(case="known, c16", quantity="RSS MiB", at_most=70)

    assert unknown.value(SAMPLES) is None


def test_the_figures_are_json_with_every_round_in_it(results: Results) -> None:
    token = json.loads(json.dumps(results))["measures"]["token"]

    assert token["cases"]["known, c16"][REQUESTS] == {
        "median": 625.0,
        "least": 450.0,
        "most": 800.0,
        "values": [800.0, 450.0],
    }
    assert [(goal["bound"], goal["met"]) for goal in token["goals"]] == [
        ("at least 0.8", True),
        ("at most 3.5", False),
    ]


def test_the_terminal_shows_each_goal_met_or_not(results: Results) -> None:
    lines = terminal_text(results).splitlines()

    assert lines[-1] == "1 of 2 goals are met."
    [met] = [line for line in lines if "at least 0.8" in line]
    [missed] = [line for line in lines if "at most 3.5" in line]
    assert met.endswith("| met         |")
    assert missed.endswith("| **not met** |")


@pytest.mark.parametrize(
    ("value", "met", "shown"), [(3.504, False, "3.504"), (3.496, True, "3.50")]
)
def test_a_goal_that_is_just_missed_does_not_look_met(
    results: Results, value: float, met: bool, shown: str
) -> None:
    goal = results["measures"]["token"]["goals"][1]
    goal["value"], goal["met"] = value, met

    [line] = [line for line in terminal_text(results).splitlines() if "at most 3.5" in line]

    assert f"| {shown} " in line


def test_the_page_has_a_table_and_a_plot_for_each_measure(results: Results, tmp_path: Path) -> None:
    page = write_page(results, tmp_path).read_text("utf-8")

    assert "| known, c16     | 625 (450 to 800) " in page
    assert "![token](performance/token.svg)" in page
    assert "a <fast> one" in page
    drawing = ET.fromstring((tmp_path / "performance" / "token.svg").read_text("utf-8"))
    texts = [element.text for element in drawing.iter() if element.tag.endswith("text")]
    assert texts[1:] == ["reference, c16", "750", "known, c16", "625"]


def test_what_failed_costs_its_own_figures_only(results: Results, tmp_path: Path) -> None:
    rounds = {**SAMPLES, "known, c16": [{}, SAMPLES["known, c16"][1]]}
    measure = Measure("token", REQUESTS, (), (FASTER,))

    results["measures"]["token"]["goals"] = result_of(measure, rounds)["goals"]
    results["faults"] = ["token, round 1: ours does not answer; /tmp/x ends with:\nits log"]

    assert results["measures"]["token"]["goals"][0]["value"] == pytest.approx(0.9)
    page = write_page(results, tmp_path).read_text("utf-8")
    assert "* token, round 1: ours does not answer\n" in page
    assert "/tmp/x" not in page


def test_every_measure_has_a_name_and_goals_about_its_own_cases() -> None:
    measures = all_measures()

    assert [measure.name for measure in measures] == list(MEASURES)
    for measure in measures:
        names = [case.name for case in measure.cases]
        assert len(set(names)) == len(names), measure.name
        for goal in measure.goals:
            assert {goal.case, goal.over} <= {None, *names}
            assert (goal.at_least is None) != (goal.at_most is None)


def test_a_quick_run_has_every_measure() -> None:
    for measure in all_measures():
        reduced = measure.reduced()
        names = {None, *(case.name for case in reduced.cases)}

        assert len(names) > 1, measure.name
        assert bool(reduced.goals) == bool(measure.goals)
        assert all({goal.case, goal.over} <= names for goal in reduced.goals)


def test_the_page_in_docs_is_of_the_measures_that_there_are() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")

    assert [line[3:] for line in page.splitlines() if line.startswith("## ")][3:] == list(MEASURES)
    for measure in all_measures():
        assert f"![{measure.name}](performance/{measure.name}.svg)" in page
        assert (ROOT / "docs" / "performance" / f"{measure.name}.svg").exists()
        assert [goal.text for goal in measure.goals if goal.text not in page] == []
        assert [case.name for case in measure.cases if f"| {case.name} " not in page] == []
