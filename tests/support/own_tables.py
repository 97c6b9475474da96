"""Tables that some tests have for themselves: an Azurite of their own, with every table in it."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from devstack.stack import azurite
from shared.operate.provision import provision
from shared.settings import load
from tests.support.ports import free_port
from tests.support.stack import ROOT, Stack, wait_until_open


@contextmanager
def own_tables(stack: Stack) -> Iterator[Stack]:
    """The stack with other tables, which end with all that is in them."""
    port = free_port()
    with subprocess.Popen(
        azurite.command(port=port, folder=None), cwd=ROOT, stdin=subprocess.PIPE
    ) as process:
        try:
            wait_until_open(port)
            changed = stack.with_tables(azurite.connection_string(port))
            asyncio.run(provision(load(changed.settings).upstream))
            yield changed
        finally:
            process.kill()
