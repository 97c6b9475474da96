"""python -m devstack.issuer: run the issuer until told to stop."""

import argparse
import asyncio
import logging
import os
import threading
from pathlib import Path

from werkzeug.serving import make_server

from devstack.issuer.server import make_app
from devstack.issuer.tokens import issuer_key
from devstack.lifetime import until_told_to_stop


async def _serve(arguments: argparse.Namespace) -> None:
    stop_requested = asyncio.create_task(until_told_to_stop(watch_stdin=arguments.stop_with_stdin))
    issuer = arguments.issuer or f"http://127.0.0.1:{arguments.port}"
    app = make_app(issuer_key(arguments.key_file), issuer)
    server = make_server("127.0.0.1", arguments.port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    print(f"issuer: {issuer}", flush=True)
    try:
        await stop_requested
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="devstack.issuer", description=__doc__)
    parser.add_argument("--port", type=int, default=7072)
    parser.add_argument("--key-file", type=Path, required=True, help="made if it is missing")
    parser.add_argument("--issuer", help="its URL (default: http://127.0.0.1:PORT)")
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(_serve(arguments))


if __name__ == "__main__":
    main()
