"""Tables by managed identity: an Azurite of its own that speaks TLS and takes Entra's tokens.

The stack's Azurite takes none: it does so over TLS only, and would then speak http to nobody.
Import the fixture by name.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.stack import azurite
from tests.support.ports import free_port
from tests.support.stack import ROOT, STOP_SECONDS, Stack, wait_until_open


@pytest.fixture
def tls_tables(stack: Stack, tmp_path: Path) -> Iterator[dict[str, str]]:
    """App settings with which no service is reached by a key; the tables are there."""
    port = free_port()
    certificate = str(stack.folder / "server.pem")  # the key too
    command = [
        *azurite.command(port=port, folder=tmp_path),
        *["--oauth", "basic", "--cert", certificate, "--key", certificate],
    ]
    settings = dict(stack.values["managedIdentitySettings"])
    del settings["TABLES_CONNECTION_STRING"]
    settings["TABLES_ENDPOINT"] = f"https://127.0.0.1:{port}/{azurite.ACCOUNT}"
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        try:
            wait_until_open(port)
            subprocess.run(
                [sys.executable, "-m", "shared.operate.provision"],
                cwd=ROOT,
                env=environment_with(settings),
                check=True,
            )
            yield settings
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def environment_with(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with these settings of the app and no others."""
    prefixes = ("COMMUNICATION_", "TABLES_", "AUTH_", "TOKEN_", "AZURE_", "IDENTITY_")
    others = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return others | settings
