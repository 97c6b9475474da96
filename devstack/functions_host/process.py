"""The process of a host after its app is loaded: it logs, serves, and stops when told to."""

import asyncio
import contextlib
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
    # sixth of a line's time (documented: "Logging HOWTO", Optimization).
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
    """Writes lines to standard error, those of one step of the event loop at once. Python's own
    StreamHandler and Formatter, which write each line alone, take twice the time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._unwritten: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = _line(record)
        except Exception:  # as logging does: a wrong line stops no request
            self.handleError(record)
            return
        self._unwritten.append(line)
        if len(self._unwritten) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # there is none: the host starts or stops, or this is a thread
                self.flush()

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._unwritten = self._unwritten, []
            with contextlib.suppress(OSError, ValueError):  # nobody reads them any more
                sys.stderr.write("".join(lines))
                sys.stderr.flush()
        finally:
            self.release()


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
    """It is the same for all lines of a second, and takes a fifth of a line's time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
