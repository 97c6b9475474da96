"""The process of a host after its app is loaded: it logs, serves, and stops when told to."""

import asyncio
import logging
import sys
import time
from functools import lru_cache

from azure_functions_runtime_v1 import invocation_id_cv

from devstack.lifetime import until_told_to_stop

from .server import Host, start


def log_as_azure_does(level: str) -> None:
    """To standard error; each line says which invocation it belongs to."""
    logging.basicConfig(level=level, handlers=[_Lines()])
    # Our lines show no thread, process, task or place in the code, and to find these out takes a
    # third of a line's time (documented: "Logging HOWTO", Optimization).
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = False
    logging.logMultiprocessing = False
    logging.logAsyncioTasks = False  # type: ignore[attr-defined]  # typeshed has it not yet
    # The SDKs log each request at INFO. In Azure, host.json's log levels decide what is kept.
    logging.getLogger("azure").setLevel(logging.WARNING)


def serve(
    host: Host, address: str, port: int, *, stop_with_stdin: bool, timers_by_schedule: bool
) -> None:
    """Serve in an event loop of its own, until told to stop.

    Args:
        timers_by_schedule: if not, timers run only when somebody asks for a run.

    Raises:
        OSError: the port is taken.
    """
    asyncio.run(
        _serve(host, address, port, watch_stdin=stop_with_stdin, by_schedule=timers_by_schedule)
    )


async def _serve(
    host: Host, address: str, port: int, *, watch_stdin: bool, by_schedule: bool
) -> None:
    timers = host.start_timers(by_schedule=by_schedule)
    try:
        runner = await start(host, address, port)
        print(f"functions host: http://{address}:{port}", flush=True)
        try:
            await until_told_to_stop(watch_stdin=watch_stdin)
        finally:
            await runner.cleanup()
    finally:
        await timers.stop()


class _Lines(logging.Handler):
    """Writes lines to standard error. Python's own StreamHandler and Formatter take nearly twice as
    long.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(_line(record))
            sys.stderr.flush()
        except Exception:  # as logging does: a wrong line stops no request
            self.handleError(record)


def _line(record: logging.LogRecord) -> str:
    invocation = invocation_id_cv.get() or "-"
    time_shown = f"{_date(int(record.created))},{int(record.msecs):03}"
    said = record.getMessage()
    if record.exc_info:
        said += f"\n{_TRACEBACKS.formatException(record.exc_info)}"
    return f"{time_shown} {record.levelname} {record.name} [{invocation}]: {said}\n"


_TRACEBACKS = logging.Formatter()


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The date as text, kept for a second: to format it takes a fifth of a line's time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
