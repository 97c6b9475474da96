"""python -m devstack.functions_host: host an app folder on loopback."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from azure_functions_runtime_v1 import invocation_id_cv

from devstack.lifetime import until_told_to_stop

from .functions import AppError
from .routes import RouteError
from .server import start


def main() -> int:
    parser = argparse.ArgumentParser(prog="devstack.functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path.cwd(), help="folder with host.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cors", default="", help="allowed origins, comma-separated, or *")
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=os.environ.get("LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s [%(invocation)s]: %(message)s",
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_with_invocation)
    # The SDKs log each request at INFO. In Azure, host.json's log levels decide what is kept.
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(arguments))
    except (AppError, RouteError, OSError) as error:
        print(f"functions host: {error}", file=sys.stderr)
        return 1
    return 0


def _with_invocation(record: logging.LogRecord) -> bool:
    """As in Azure's logs, each line says which invocation it belongs to."""
    record.invocation = invocation_id_cv.get() or "-"
    return True


async def _serve(arguments: argparse.Namespace) -> None:
    cors = frozenset(origin.strip() for origin in arguments.cors.split(",") if origin.strip())
    runner = await start(arguments.app.resolve(), arguments.host, arguments.port, cors)
    print(f"functions host: http://{arguments.host}:{arguments.port}", flush=True)
    try:
        await until_told_to_stop(watch_stdin=arguments.stop_with_stdin)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
