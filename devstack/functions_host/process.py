"""The process of a host after its app is loaded: it logs, serves, and stops when told to."""

import asyncio
import logging

from azure_functions_runtime_v1 import invocation_id_cv

from devstack.lifetime import until_told_to_stop

from .server import Host, start


def log_as_azure_does(level: str) -> None:
    """To standard error; each line says which invocation it belongs to."""
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)s %(name)s [%(invocation)s]: %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_with_invocation)
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
