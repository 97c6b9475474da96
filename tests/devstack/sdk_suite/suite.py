"""Runs Microsoft's tests in a pytest of their own, and reads how each has ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

STAND_INS = Path(__file__).with_name("stand_ins")
FILES = "test_e2e_*.py"


@dataclass(frozen=True)
class SuiteRun:
    """How the tests ended.

    Args:
        outcomes: `passed`, `failed` or `skipped`, by file and test.
        output: what pytest said.
    """

    outcomes: dict[str, str]
    output: str


async def run_suite(tests: Path, environment: Mapping[str, str]) -> SuiteRun:
    """Run the tests that talk to a service, all at the same time.

    Args:
        tests: their folder, unpacked for this run: they write into it.
        environment: where their service is, and what else they read.
    """
    (tests / "events").mkdir()  # where they record events; it is no part of the distribution
    report = tests / "report.xml"
    # Without the options and the worker of the pytest that runs this.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    pytest = [sys.executable, "-m", "pytest", "--rootdir", str(tests), "-c", os.devnull]
    options = ["-p", "side_by_side", "-p", "no:cacheprovider", "--capture=sys", "-q", "-ra"]
    process = await asyncio.create_subprocess_exec(
        *[*pytest, *options, "-o", "asyncio_mode=auto", f"--junit-xml={report}"],
        *map(str, sorted(tests.glob(FILES))),
        cwd=tests,
        env={**ours, **environment, "PYTHONPATH": str(STAND_INS)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # so that its forks can be ended with it
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    return SuiteRun(_outcomes(report) if report.exists() else {}, output.decode(errors="replace"))


def _outcomes(report: Path) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):
        test = f"{case.attrib['classname'].partition('.')[0]}.{case.attrib['name']}"
        if outcomes.get(test) != "failed":  # what fails at its end is there twice
            outcomes[test] = _outcome(case)
    return outcomes


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"
