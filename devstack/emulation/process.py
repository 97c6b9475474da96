"""How an emulator runs as a process: its usual options, its two ports, and its end."""

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

from devstack.lifetime import until_told_to_stop

# Bearer tokens may be 16 KiB; aiohttp's own limit is 8,190 bytes for one header.
LONGEST_HEADER_BYTES = 65_536
STOP_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """What every emulator is told. The ports are on `host`, TLS only if both of its are given."""

    host: str
    port: int
    tls_port: int | None
    certificate: Path | None
    database: Path
    issuer: str


def usual_options(prog: str, description: str | None, *, port: int) -> argparse.ArgumentParser:
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
    """The settings by name, and whether to stop with standard input. Exits on a wrong one."""
    given = vars(parser.parse_args(arguments))
    if given["tls_port"] is not None and given["certificate"] is None:
        parser.error("--tls-port needs --certificate")
    return given, given.pop("stop_with_stdin")


@asynccontextmanager
async def serving(app: web.Application, settings: ProcessSettings) -> AsyncIterator[list[str]]:
    """Listen, and stop listening at the end; yields the base URLs.

    One app serves every port, so all see the same state.

    Raises:
        OSError: a port is taken, or a file cannot be used.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        max_line_size=LONGEST_HEADER_BYTES,
        max_field_size=LONGEST_HEADER_BYTES,
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
    """Serve until told to stop. Says `ready` and the base URLs when it listens.

    Args:
        build_app: called in the event loop.
    """

    async def serve() -> None:
        told_to_stop = asyncio.create_task(until_told_to_stop(watch_stdin=stop_with_stdin))
        async with serving(build_app(settings), settings) as urls:
            print("ready", *urls, flush=True)
            await told_to_stop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        asyncio.run(serve())
    except OSError as error:
        sys.exit(f"{name}: {error}")
