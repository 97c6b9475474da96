"""Ports for the servers that tests start."""

import random
import socket

# Below what the system lends to outgoing connections (Linux from 32768, macOS from 49152): a server
# that is killed and started again finds its port free. And apart from the stacks' own 20000-31999.
_ports = iter(random.sample(range(12_000, 20_000), 8_000))


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
