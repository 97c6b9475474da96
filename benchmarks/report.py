"""The results for people: a table on the terminal, and docs/performance.md with its plots."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.plots import number, plot
from benchmarks.results import Figure, GoalResult, MeasureResult, Results, all_goals
from devstack.files import write_whole

COMMAND = "python3 dev.py bench"

_INTRODUCTION = f"""\
# Performance

`{COMMAND}` has written this page. The figures are of one machine, named below with how busy it was and how often
each case ran; read that first. On other machines only the ratios are comparable.

## How it is measured
* The service runs in the local functions host, with compiled bytecode. Beside it stands a *reference*: an app for the same host
  that asks Azure through aiohttp alone, and handles no failure (`benchmarks/reference/`). For a token it does the same job.
  For *friend*, *friends* and *share* it only reads or writes rows (*raw*), and verifies nobody.
* Both log warnings alone. In Azure the level is INFO (`host.json`): *logging* measures that.
* Both ask the same stub, which keeps rows in memory and answers as ACS, Table Storage and the issuer do, at once or after
  a fixed latency (`benchmarks/stub/`). Azurite would not do: a point read takes it about 0.4 ms, a third of a whole request
  here, and its latency cannot be chosen. What the service writes and reads is tested on Azurite; here the same code runs.
* wrk makes the load, each case has a fresh process and a fresh stub, and a second of load before it counts. In *known* each
  request is another person's, so that neither their bearer token nor their calling token is remembered; *cached* is one
  person who asks again and again; in *first* nobody is known. `c16` means 16 connections, each of which sends its next
  request when the last one is answered.
* The speed of a machine changes from one second to the next, in a cloud by a quarter and more. So cases that are compared, such
  as all with 16 connections, are started together and take turns: each gets one second of load, while the others are idle,
  then each gets its next one, in the opposite order. Requests that share a call take turns of a quarter of a second, or
  of one request that takes longer. Starts take turns one by one.
* In each round every case runs once. Its requests/s and its CPU are those of all its seconds together. Its p50 and p99 are the
  means of its seconds' values: the p50 of all requests together would be that of the fast seconds or that of the slow
  ones, by chance. For shared calls it is the median of all requests of the round. A start is the geometric mean of
  sixteen, so that a ratio is that of starts that followed each other. The memory is that at the end of the case's last second.
* A request that is on its way when a second ends counts half for requests/s. CPU is that of the app's process, from `/proc`,
  until it has answered everything, divided by all requests that were sent. A start is measured from `exec` to the first token.
* Loads whose goals are near what is measured take longer. Three times as long: those of *logging*; and in *token* the reference, *known*
  and *cached* with 16 and with 64 connections. Six times: these three with one connection, and those of *growth*.
* At INFO a request for a token writes two lines, the audit's and its own. Together they may cost 5 %.
* *memory* is that of a process that has given a token to each of 2,000 people. It remembers 1.6 KiB of each, for up to 10,000 people.
  In *known* nobody asks twice, so there a process shows more memory the faster it is.
* A figure is the median of the rounds. A ratio is made in each round, of cases that took turns; the goals show the
  geometric mean of these ratios. It uses all rounds; one with the ratio 2 and one with 0.5 make 1.
* In the plots the service is blue and the reference grey; the line goes from the least to the most of the rounds.
"""

# Below the table of goals.
_OUT_OF_REACH = """
The goal of *friend* is out of reach together with that of *memory*. The service reads three rows: the caller's own says whether they were erased
since their bearer token was issued, and each of the two friends has a row with their own decision. The reference reads one, which takes half of
its time: an app that read two rows and did nothing else would reach about 1 / 1.5 = 0.67. In trials the service reached 0.57 without the caller's
row; and 0.70 with all three, with libcurl (pycurl) in the place of aiohttp. But libcurl takes 10 MiB more, of which there are three.
"""


def goal_lines(results: Results) -> Iterator[str]:
    """The goals as a table of Markdown."""
    rows = [
        (name, goal["goal"], goal["bound"], _value(goal), _met(goal))
        for name, goal in all_goals(results)
    ]
    yield from _table(("measure", "goal", "bound", "measured", ""), rows)


def measure_lines(measure: MeasureResult) -> Iterator[str]:
    """The figures of a measure as a table of Markdown."""
    quantities = list(dict.fromkeys(name for case in measure["cases"].values() for name in case))
    rows = []
    for case, figures in measure["cases"].items():
        cells = []
        for quantity in quantities:
            figure = figures.get(quantity)
            if figure is None:
                cells.append("")
                continue
            cells.append(_cell(figure))
        rows.append((case, *cells))
    yield from _table(("case", *quantities), rows)


def terminal_text(results: Results) -> str:
    """All figures, and each goal met or not."""
    lines: list[str] = []
    for name, measure in results["measures"].items():
        lines += [f"{name}: {measure['title']}", *measure_lines(measure), ""]
    goals = list(all_goals(results))
    if goals:
        met = sum(goal["met"] is True for _, goal in goals)
        lines += [*goal_lines(results), "", f"{met} of {len(goals)} goals are met."]
    return "\n".join(lines)


def write_page(results: Results, folder: Path) -> Path:
    """Write performance.md and its plots; returns the page's path."""
    plots = folder / "performance"
    plots.mkdir(parents=True, exist_ok=True)
    lines = [_INTRODUCTION, "## Goals", *goal_lines(results), _OUT_OF_REACH, "## The machine"]
    described = {**results["machine"], **results["options"]}
    lines += _table(("", ""), described.items())
    if results["faults"]:
        lines += ["", "Not measured, because requests failed or were not answered in time:"]
        # The rest of the text names files of this machine.
        lines += [f"* {fault.splitlines()[0].partition(';')[0]}" for fault in results["faults"]]
    for name, measure in results["measures"].items():
        drawing = plot(measure["title"], measure["shown"], measure["cases"])
        write_whole(plots / f"{name}.svg", drawing)
        lines += ["", f"## {name}", f"{_sentence(measure['title'])}: the median (least to most)."]
        lines += ["", *measure_lines(measure), "", f"![{name}](performance/{name}.svg)"]
    page = folder / "performance.md"
    write_whole(page, "\n".join(lines) + "\n")
    return page


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _cell(figure: Figure) -> str:
    """The median, and the spread if there was more than one round."""
    median = number(figure["median"])
    if len(figure["values"]) == 1 or figure["least"] == figure["most"]:
        return median
    return f"{median} ({number(figure['least'])} to {number(figure['most'])})"


def _value(goal: GoalResult) -> str:
    """Rounded, unless a value that misses its bound would look like the bound."""
    value = goal["value"]
    if value is None:
        return "not told here"
    shown, bound = number(value), float(goal["bound"].split()[-1])
    is_bound = float(shown.replace(",", "")) == bound
    return f"{value:.5g}" if is_bound and not goal["met"] else shown


def _met(goal: GoalResult) -> str:
    return {True: "met", False: "**not met**", None: ""}[goal["met"]]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table whose columns are as wide as what is in them, so that it reads well as text too."""
    cells = [tuple(head), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    yield line(cells[0])
    yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield from map(line, cells[1:])
