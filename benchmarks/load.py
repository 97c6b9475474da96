"""The load generator: wrk, with requests from a file."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

_SCRIPT = Path(__file__).with_name("load.lua")
_RESULT = "RESULT "
# Longer than any request takes that this service answers.
_TIMEOUT = "30s"
# The least that wrk takes.
SLICE_SECONDS = 1
# For wrk to start, to load for a second, and to end its connections.
_MOST_SECONDS = 60


class BenchError(Exception):
    """Nothing can be measured; the message tells the person why, and what to do."""


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    Attributes:
        requests: those that were answered.
        sent: those, and the ones that were on their way at the end.
        p50, p99: milliseconds.
        refused: answers with a status from 400 on.
        broken: requests whose connection failed, or whose time was up.
    """

    requests: int
    sent: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int

    @property
    def per_second(self) -> float:
        """Requests that were on their way count half, because about half of their work is done.
        Otherwise a slow app would seem slower than it is, the more connections there are."""
        return (self.requests + self.sent) / 2 / self.seconds


def total(slices: Sequence[LoadResult]) -> LoadResult:
    """Several loads as one, whose p50 and p99 are the means of theirs.

    Those of all requests together would depend on chance: where a machine is slow in half of the
    seconds, the p50 is that of the fast ones or that of the slow ones.
    """
    answered = [one for one in slices if one.requests]
    return LoadResult(
        requests=sum(one.requests for one in slices),
        sent=sum(one.sent for one in slices),
        seconds=sum(one.seconds for one in slices),
        p50=mean(one.p50 for one in answered),
        p99=mean(one.p99 for one in answered),
        refused=sum(one.refused for one in slices),
        broken=sum(one.broken for one in slices),
    )


def find_wrk() -> str:
    """The path of wrk.

    Raises:
        BenchError: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise BenchError(
            "wrk is missing, which makes the load: apt-get install wrk (Debian, Ubuntu), or "
            "brew install wrk (macOS)"
        )
    return found


def run_wrk(prefix: Sequence[str], url: str, requests: Path, connections: int) -> LoadResult:
    """Send requests for one second over so many connections, as fast as they are answered.

    Args:
        prefix: of the command line, such as that of taskset.
        requests: a file that `prepared.write` wrote; when all were sent, they are sent again.

    Raises:
        BenchError: wrk failed.
    """
    command = [
        *[*prefix, find_wrk(), "-t1", f"-c{connections}", f"-d{SLICE_SECONDS}s"],
        *["--timeout", _TIMEOUT, "-s", str(_SCRIPT), url, "--", str(requests)],
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"wrk did not end within {_MOST_SECONDS} s") from error
    return read_result(done.stdout, done.stderr)


def read_result(output: str, errors: str = "") -> LoadResult:
    """What load.lua printed.

    Raises:
        BenchError: there is no result.
    """
    lines = [line for line in output.splitlines() if line.startswith(_RESULT)]
    if not lines:
        raise BenchError(f"wrk has measured nothing: {(errors or output).strip()[-500:]}")
    return LoadResult(**json.loads(lines[-1].removeprefix(_RESULT)))
