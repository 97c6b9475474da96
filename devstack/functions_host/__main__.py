"""python -m devstack.functions_host: host an app folder on loopback."""

import argparse
import os
import sys
from pathlib import Path

from .functions import AppError
from .process import log_as_azure_does, serve
from .routes import RouteError
from .server import Host


def main() -> int:
    parser = argparse.ArgumentParser(prog="devstack.functions_host", description=__doc__)
    parser.add_argument("--app", type=Path, default=Path.cwd(), help="folder with host.json")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cors", default="", help="allowed origins, comma-separated, or *")
    parser.add_argument(
        "--timers-on-demand",
        action="store_true",
        help="run timers only when somebody asks: POST /admin/functions/NAME with {}",
    )
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    log_as_azure_does(os.environ.get("LOG_LEVEL", "INFO"))
    cors = frozenset(origin.strip() for origin in arguments.cors.split(",") if origin.strip())
    try:
        host = Host(arguments.app.resolve(), cors)
        serve(
            host,
            arguments.host,
            arguments.port,
            stop_with_stdin=arguments.stop_with_stdin,
            timers_by_schedule=not arguments.timers_on_demand,
        )
    except (AppError, RouteError, OSError) as error:
        print(f"functions host: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
