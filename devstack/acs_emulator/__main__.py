"""python -m devstack.acs_emulator: run the emulator until told to stop."""

import argparse
import asyncio
import base64
import logging
import sys
import uuid
from pathlib import Path

from devstack import well_known
from devstack.acs_emulator.access_key import CLOCK_SKEW
from devstack.acs_emulator.server import Settings, serving
from devstack.lifetime import until_told_to_stop


def read_arguments(arguments: list[str]) -> tuple[Settings, bool]:
    """The settings, and whether to stop with standard input. Exits on a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m devstack.acs_emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=7073, help="for http; default: %(default)s")
    parser.add_argument("--tls-port", type=int, help="also serve TLS here")
    parser.add_argument("--certificate", type=Path, help="PEM: private key and chain, for TLS")
    parser.add_argument("--database", type=Path, required=True, help="made if absent")
    parser.add_argument("--key-file", type=Path, required=True, help="PEM, made if absent")
    parser.add_argument("--issuer", required=True, help="whose bearer tokens to accept")
    parser.add_argument(
        "--access-key",
        type=_access_key,
        default=well_known.ACS_ACCESS_KEY,
        help="base64; default: the well-known key",
    )
    parser.add_argument(
        "--resource-id",
        type=_guid,
        default=well_known.ACS_RESOURCE_ID,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--clock-skew",
        type=int,
        default=int(CLOCK_SKEW.total_seconds()),
        help="seconds that a signed request's date may be off; default: %(default)s",
    )
    parser.add_argument("--limits", action="store_true", help="the documented limits per 30 s")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop at EOF there")
    given = vars(parser.parse_args(arguments))
    if given["tls_port"] is not None and given["certificate"] is None:
        parser.error("--tls-port needs --certificate")
    stop_with_stdin: bool = given.pop("stop_with_stdin")
    return Settings(**given), stop_with_stdin


def _guid(text: str) -> str:
    return str(uuid.UUID(text))


def _access_key(text: str) -> str:
    if not base64.b64decode(text, validate=True):
        raise ValueError(text)
    return text


async def run(settings: Settings, *, stop_with_stdin: bool) -> None:
    told_to_stop = asyncio.create_task(until_told_to_stop(watch_stdin=stop_with_stdin))
    async with serving(settings) as urls:
        print("ready", *urls, flush=True)
        await told_to_stop


def main() -> None:
    settings, stop_with_stdin = read_arguments(sys.argv[1:])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        asyncio.run(run(settings, stop_with_stdin=stop_with_stdin))
    except OSError as error:
        sys.exit(f"acs_emulator: {error}")


if __name__ == "__main__":
    main()
