"""The results of a run: as JSON, which the report is made from."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from benchmarks.goals import Goal, Samples
from benchmarks.measures import Measure
from benchmarks.turns import Sample


class Figure(TypedDict):
    """One quantity of one case, over the rounds."""

    median: float
    least: float
    most: float
    values: list[float]


class GoalResult(TypedDict):
    """`value` and `met` are None where the machine does not tell the quantity."""

    goal: str
    bound: str
    value: float | None
    met: bool | None


class MeasureResult(TypedDict):
    """`cases` are figures by case and quantity; `shown` is the quantity that the plot shows."""

    title: str
    shown: str
    cases: dict[str, dict[str, Figure]]
    goals: list[GoalResult]


class Results(TypedDict):
    """`machine` and `options` are for a person: the name of each line, and its text. `faults` are
    cases that failed in a round, and why."""

    machine: dict[str, str]
    options: dict[str, str]
    measures: dict[str, MeasureResult]
    faults: list[str]


def result_of(measure: Measure, samples: Samples) -> MeasureResult:
    """The figures and goals of a measure."""
    return {
        "title": measure.title,
        "shown": measure.shown,
        "cases": {case.name: dict(_figures(samples[case.name])) for case in measure.cases},
        "goals": [_goal(goal, samples) for goal in measure.goals],
    }


def all_goals(results: Results) -> Iterator[tuple[str, GoalResult]]:
    """Each goal, and the name of its measure."""
    for name, measure in results["measures"].items():
        for goal in measure["goals"]:
            yield name, goal


def _figures(rounds: Sequence[Sample]) -> Iterator[tuple[str, Figure]]:
    quantities: Mapping[str, None] = dict.fromkeys(name for one in rounds for name in one)
    for quantity in quantities:
        values = [one[quantity] for one in rounds if quantity in one]
        figure: Figure = {
            "median": statistics.median(values),
            "least": min(values),
            "most": max(values),
            "values": values,
        }
        yield quantity, figure


def _goal(goal: Goal, samples: Samples) -> GoalResult:
    value = goal.value(samples)
    met = None if value is None else goal.is_met(value)
    return {"goal": goal.text, "bound": goal.bound, "value": value, "met": met}
