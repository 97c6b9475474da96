"""python -m benchmarks: measure, and report. `dev.py bench` runs this."""

import argparse
import fcntl
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.load import BenchError, find_wrk
from benchmarks.machine import describe
from benchmarks.measures import Measure, all_measures
from benchmarks.names import MEASURES
from benchmarks.processes import choose_cores
from benchmarks.report import terminal_text, write_page
from benchmarks.results import Results, result_of
from benchmarks.turns import Sample, take_turns
from devstack.files import ROOT
from devstack.installation.progress import Progress

FOLDER = ROOT / ".devstack" / "benchmarks"


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    # As with Ctrl-C, so that nothing that was started is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _bench(options)
    except BenchError as reason:
        print(f"dev.py: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _bench(options: argparse.Namespace) -> int:
    chosen = [one for one in all_measures() if one.name in (options.measures or MEASURES)]
    if options.quick:
        chosen = [measure.reduced() for measure in chosen]
    rounds, seconds, warm_up = (1, 1, 0) if options.quick else (options.rounds, options.seconds, 1)
    with alone(options.folder), Progress("measuring") as progress:
        find_wrk()
        bench = Bench(
            options.folder,
            cores := choose_cores(),
            seconds=seconds,
            warm_up=warm_up,
            show=progress.show,
        )
        results: Results = {
            "machine": describe(cores),
            "options": {
                "rounds": f"{rounds}, of {seconds} s for each load"
                + ("" if options.quick else ", or three or six times that")
            },
            "measures": {},
            "faults": [],
        }
        samples, results["faults"] = _measure(bench, chosen, rounds, progress)
    for measure in chosen:
        results["measures"][measure.name] = result_of(measure, samples[measure.name])
    print(json.dumps(results, indent=2) if options.json else terminal_text(results))
    is_whole = not options.measures and not options.quick
    docs = options.docs or (ROOT / "docs" if is_whole else None)
    if docs is None:
        note = "docs/performance.md is as before: only a whole run writes it, or one with --docs"
        print(f"note: {note}", file=sys.stderr)
    else:
        print(f"written: {write_page(results, docs)}", file=sys.stderr)
    for fault in results["faults"]:
        print(f"dev.py: not measured: {fault}", file=sys.stderr)
    return 1 if results["faults"] else 0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Raises BenchError if another run is measuring: each would slow down the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BenchError("another dev.py bench runs: wait until it has ended") from None
        yield


def _measure(
    bench: Bench, chosen: Sequence[Measure], rounds: int, progress: Progress
) -> tuple[dict[str, dict[str, list[Sample]]], list[str]]:
    """The samples of each round, by measure and case, and the cases that could not be measured."""
    faults: list[str] = []
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    number = rounds * sum(len(measure.cases) for measure in chosen)
    done, begin = 0, time.monotonic()

    def show(where: str, case: str) -> None:
        left = (time.monotonic() - begin) / done * (number - done) if done else 0
        about = f", {left / 60:.0f} min left" if done else ""
        progress.show(f"{where}: {case}, {done} of {number} done{about}")

    for nth, measure in product(range(1, rounds + 1), chosen):
        where = f"round {nth} of {rounds}, {measure.name}"
        for group in measure.groups:
            cases = {case.name: case.turns(bench) for case in group}
            for name, outcome in take_turns(cases, partial(show, where)).items():
                if isinstance(outcome, BenchError):
                    faults.append(f"{measure.name}, round {nth}: {outcome}")
                    samples[measure.name][name].append({})
                else:
                    samples[measure.name][name].append(outcome)
            done += len(group)
    return samples, faults


if __name__ == "__main__":
    sys.exit(main())
