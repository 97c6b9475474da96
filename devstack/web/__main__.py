"""python -m devstack.web: serve the page on loopback, and make it at the first visit."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from aiohttp import web

from devstack.lifetime import until_told_to_stop
from devstack.web.making import Making, build_command
from devstack.web.server import make_app
from devstack.web.sources import Addresses

STOP_SECONDS = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="devstack.web", description=__doc__)
    parser.add_argument("--port", type=int, default=7070)
    parser.add_argument("--page", type=Path, required=True, help="the folder of the built page")
    parser.add_argument("--api", required=True, help="the trusted service, with /api")
    parser.add_argument("--issuer", required=True, help="who signs people in")
    parser.add_argument("--calling", required=True, help="the calling plane's WebSocket, or acs")
    parser.add_argument("--log", default="the log", help="where the output of this process goes")
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    addresses = Addresses(arguments.api, arguments.issuer, arguments.calling)
    try:
        asyncio.run(_serve(arguments, addresses))
    except OSError as error:
        sys.exit(f"web: {error}")


async def _serve(arguments: argparse.Namespace, addresses: Addresses) -> None:
    stop_requested = asyncio.create_task(until_told_to_stop(watch_stdin=arguments.stop_with_stdin))
    command = build_command(arguments.page, addresses)
    app = make_app(Making(arguments.page, addresses, command, arguments.log))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", arguments.port).start()
        print(f"web: http://localhost:{arguments.port}", flush=True)
        await stop_requested
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
