"""python -m devstack.issuer: run the issuer until told to stop."""

import argparse
import asyncio
import contextlib
import logging
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

from devstack.app_schemes import app_scheme
from devstack.issuer.server import answering_as, make_app
from devstack.issuer.tokens import issuer_key
from devstack.lifetime import until_told_to_stop

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


async def _serve(arguments: argparse.Namespace) -> None:
    stop_requested = asyncio.create_task(until_told_to_stop(watch_stdin=arguments.stop_with_stdin))
    issuer = arguments.issuer or f"http://127.0.0.1:{arguments.port}"
    app = make_app(issuer_key(arguments.key_file), issuer, arguments.redirect_scheme)
    with contextlib.ExitStack() as servers:
        servers.enter_context(_serving(answering_as(app, issuer), arguments.port))
        addresses = [issuer]
        if arguments.tls_port is not None:
            addresses.append(f"https://127.0.0.1:{arguments.tls_port}")
            over_tls = answering_as(app, addresses[-1])
            servers.enter_context(_serving(over_tls, arguments.tls_port, arguments.certificate))
        print("issuer:", *addresses, flush=True)
        await stop_requested


@contextmanager
def _serving(app: "WSGIApplication", port: int, certificate: Path | None = None) -> Iterator[None]:
    """Serve on loopback, over TLS if there is a certificate."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        # Not make_server's own way: it shakes hands before it accepts the next connection, so one
        # client that connects and says nothing would keep out all others.
        server.ssl_context = context
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="devstack.issuer", description=__doc__)
    parser.add_argument("--port", type=int, default=7072)
    parser.add_argument("--tls-port", type=int, help="also serve TLS here")
    parser.add_argument("--certificate", type=Path, help="PEM: private key and chain, for TLS")
    parser.add_argument("--key-file", type=Path, required=True, help="made if it is missing")
    parser.add_argument("--issuer", help="its URL (default: http://127.0.0.1:PORT)")
    parser.add_argument(
        "--redirect-scheme",
        action="append",
        default=[],
        type=app_scheme,
        metavar="SCHEME",
        help="also redirect to this scheme of a native app, such as com.example.app; repeatable",
    )
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    if arguments.tls_port is not None and arguments.certificate is None:
        parser.error("--tls-port needs --certificate")
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(_serve(arguments))


if __name__ == "__main__":
    main()
