"""python -m benchmarks.stub: serve the stub on loopback; prints `ready` once it listens."""

import argparse
import asyncio
import gc
import ssl
from pathlib import Path

from benchmarks.stub.server import Connection, Stub, load_rows
from benchmarks.stub.store import Store
from devstack.lifetime import until_told_to_stop

_BACKLOG = 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.stub", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--certificate", type=Path, required=True, help="PEM: key and chain")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds, of Azure's answers")
    parser.add_argument("--rows", type=Path, required=True, help="JSON lines of table and entity")
    parser.add_argument("--key-set", type=Path, required=True, help="JSON of the public keys")
    parser.add_argument("--issuer", required=True, help="whose keys they are")
    parser.add_argument("--resource-id", required=True, help="of the ACS resource")
    asyncio.run(_serve(parser.parse_args()))


async def _serve(options: argparse.Namespace) -> None:
    store = Store()
    load_rows(store, options.rows)
    # The loaded rows stay, so the garbage collector should not scan them in the middle of a load.
    gc.collect()
    gc.freeze()
    stub = Stub(
        store,
        issuer=options.issuer,
        key_set=options.key_set.read_text(),
        resource_id=options.resource_id,
        base=f"http://127.0.0.1:{options.port}",
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate)
    loop = asyncio.get_running_loop()
    for port, tls in ((options.port, None), (options.tls_port, context)):
        await loop.create_server(
            lambda: Connection(stub, options.latency),
            "127.0.0.1",
            port,
            ssl=tls,
            backlog=_BACKLOG,
        )
    stop = asyncio.create_task(until_told_to_stop(watch_stdin=True))
    print("ready", flush=True)
    await stop


if __name__ == "__main__":
    main()
