"""The load generator: wrk, with requests from a file."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")
_RESULT = "RESULT "
# Longer than any request takes that this service answers.
_TIMEOUT = "30s"
# For wrk to start, and to end its connections.
_SPARE_SECONDS = 60


class BenchError(Exception):
    """Nothing can be measured; the message tells the person why, and what to do."""


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    Attributes:
        p50, p99: milliseconds.
        refused: answers with a status from 400 on.
        broken: requests without an answer.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    refused: int
    broken: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


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


def run_wrk(
    prefix: Sequence[str],
    url: str,
    requests: Path,
    *,
    connections: int,
    seconds: int,
    skipped: int = 0,
) -> LoadResult:
    """Send requests over so many connections, as fast as they are answered.

    Args:
        prefix: of the command line, such as that of taskset.
        requests: a file that `prepared.write` wrote; when all were sent, they are sent again.
        skipped: how many requests at the beginning of the file are sent after all others.

    Raises:
        BenchError: wrk failed.
    """
    command = [
        *[*prefix, find_wrk(), "-t1", f"-c{connections}", f"-d{seconds}s"],
        *["--timeout", _TIMEOUT, "-s", str(_SCRIPT), url, "--", str(requests), str(skipped)],
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + _SPARE_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"wrk did not end within {seconds + _SPARE_SECONDS} s") from error
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
