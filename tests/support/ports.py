"""Ports for the servers that tests start."""

import os
import random
import socket

# Below what the system lends to outgoing connections (Linux from 32768, macOS from 49152): a server
# that is killed and started again finds its port free. And apart from what dev.py chooses from,
# 20000-31999. Each worker of pytest-xdist has a part of them, or one took the port of another's
# killed server.
_RANGE = range(12_000, 20_000)


def _own() -> list[int]:
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = list(_RANGE[number::workers])
    random.shuffle(own)
    return own


_ports = iter(_own())


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens; never the same twice in a run."""
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
