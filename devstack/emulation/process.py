"""How an emulator runs as a process: its options, its two ports, and how it stops."""

import argparse
import asyncio
import logging
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from devstack.emulation.database import Database
from devstack.emulation.faults import Faults
from devstack.lifetime import until_told_to_stop

# Bearer tokens may be 16 KiB; aiohttp's own limit is 8,190 bytes for one header.
MAX_HEADER_BYTES = 65_536
STOP_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """The settings of every emulator. It serves TLS only if both TLS settings are given."""

    host: str
    port: int
    tls_port: int | None
    certificate: Path | None
    database: Path
    issuer: str


def common_options(prog: str, description: str | None, *, port: int) -> argparse.ArgumentParser:
    """A parser of the options that make ProcessSettings, and of --stop-with-stdin."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=port, help="for http; default: %(default)s")
    parser.add_argument("--tls-port", type=int, help="also serve TLS here")
    parser.add_argument("--certificate", type=Path, help="PEM: private key and chain, for TLS")
    parser.add_argument("--database", type=Path, required=True, help="made if absent")
    parser.add_argument("--issuer", required=True, help="whose bearer tokens to accept")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop at EOF there")
    return parser


def read_options(
    parser: argparse.ArgumentParser, arguments: list[str]
) -> tuple[dict[str, Any], bool]:
    """The settings by name, and whether to stop when standard input ends.

    Exits if the command line is wrong.
    """
    given = vars(parser.parse_args(arguments))
    if given["tls_port"] is not None and given["certificate"] is None:
        parser.error("--tls-port needs --certificate")
    return given, given.pop("stop_with_stdin")


def close_at_end(app: web.Application, faults: Faults, database: Database) -> None:
    """Drop what faults hold when the server stops, and close the database last of all."""

    async def drop_held(_app: web.Application) -> None:
        faults.close()

    async def close_database(_app: web.Application) -> None:
        database.close()

    app.on_shutdown.append(drop_held)
    app.on_cleanup.append(close_database)


@asynccontextmanager
async def serving(app: web.Application, settings: ProcessSettings) -> AsyncIterator[list[str]]:
    """Listen until the context ends; yields the base URLs.

    One app serves both ports, so both show the same data.

    Raises:
        OSError: a port is taken, or a file cannot be used.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        shutdown_timeout=STOP_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        urls = [f"http://{settings.host}:{settings.port}"]
        if settings.tls_port is not None and settings.certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(settings.certificate)
            site = web.TCPSite(runner, settings.host, settings.tls_port, ssl_context=context)
            await site.start()
            urls.append(f"https://{settings.host}:{settings.tls_port}")
        yield urls
    finally:
        await runner.cleanup()


def run[S: ProcessSettings](
    name: str, build_app: Callable[[S], web.Application], settings: S, *, stop_with_stdin: bool
) -> None:
    """Serve until told to stop. Prints `ready` and the base URLs once it listens.

    Args:
        build_app: called inside the event loop.
    """

    async def serve() -> None:
        stop_requested = asyncio.create_task(until_told_to_stop(watch_stdin=stop_with_stdin))
        async with serving(build_app(settings), settings) as urls:
            print("ready", *urls, flush=True)
            await stop_requested

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        asyncio.run(serve())
    except OSError as error:
        sys.exit(f"{name}: {error}")
