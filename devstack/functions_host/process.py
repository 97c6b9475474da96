"""The process of a host after its app is loaded: it logs, serves, and stops when told to."""

import asyncio
import logging
import time
from functools import lru_cache

from azure_functions_runtime_v1 import invocation_id_cv

from devstack.lifetime import until_told_to_stop

from .server import Host, start


def log_as_azure_does(level: str) -> None:
    """To standard error; each line says which invocation it belongs to."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s [%(invocation)s]: %(message)s"))
    handler.addFilter(_with_invocation)
    logging.basicConfig(level=level, handlers=[handler])
    # Our lines show no thread, process, task or place in the code, and to find these out takes a
    # third of a line's time (documented: "Logging HOWTO", Optimization).
    logging._srcfile = None  # type: ignore[attr-defined]  # typeshed lacks it
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


def _with_invocation(record: logging.LogRecord) -> bool:
    record.invocation = invocation_id_cv.get() or "-"
    return True


class _Lines(logging.Formatter):
    """Lines of the usual form. The date is formatted once a second: it took a fifth of the time of
    each line."""

    def formatTime(self, record: logging.LogRecord, _format: str | None = None) -> str:  # noqa: N802
        return f"{_date(int(record.created))},{int(record.msecs):03}"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
