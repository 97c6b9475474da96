"""A plugin of pytest: runs all tests at the same time, each in a fork of its own.

Microsoft's tests sleep for nearly all of the time that they take, which is six minutes one after
the other. What a test leaves running ends with its fork.
"""

import gc
import os
import pickle
import traceback
from collections.abc import Sequence
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

# What the SDK imports when it is first used: here, so that no fork has to.
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

__all__ = ["AioHttpTransport", "RequestsTransport"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if session.testsfailed or session.config.option.collectonly:
        return None  # pytest's own loop says so
    gc.collect()
    gc.freeze()  # a fork's collections neither look at nor copy what all have in common
    forks = [_fork(item) for item in session.items]
    for item, (pid, output) in zip(session.items, forks, strict=True):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in _reports(item, pid, output):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _fork(item: pytest.Item) -> tuple[int, int]:
    """The process id of the fork that runs the test, and where its reports can be read."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    os.close(ours)
    try:
        with os.fdopen(theirs, "wb") as output:
            pickle.dump(_run(item), output)  # JSON has no tuples, which reports have
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _run(item: pytest.Item) -> list[Any]:
    hook = item.config.hook
    reports: Sequence[pytest.TestReport] = runtestprotocol(item, log=False, nextitem=None)
    return [hook.pytest_report_to_serializable(config=item.config, report=each) for each in reports]


def _reports(item: pytest.Item, pid: int, output: int) -> list[Any]:
    hook = item.config.hook
    with os.fdopen(output, "rb") as file:
        written = file.read()
    os.waitpid(pid, 0)
    if not written:
        raise RuntimeError(f"the fork of {item.nodeid} has ended without a report")
    return [
        hook.pytest_report_from_serializable(config=item.config, data=data)
        for data in pickle.loads(written)
    ]
