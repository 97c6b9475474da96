"""The ports of a stack: the default ones, consecutive ones, or free ones."""

import random
import socket
from collections.abc import Mapping

DEFAULT_PORTS = {
    "web": 7070,
    "host": 7071,
    "issuer": 7072,
    "acs": 7073,
    "acsTls": 7074,
    "graph": 7075,
    "graphTls": 7076,
    "issuerTls": 7077,
    "blobs": 10000,
    "tables": 10002,
}

# Below the ports that Linux and macOS use for outgoing connections (from 32768 and 49152):
# otherwise a browser could get a port of a stack that is stopped for a while.
FREE_PORTS = range(20000, 32000)


def with_free_ports(kept: Mapping[str, int]) -> dict[str, int]:
    """A port for each part: the kept one, or a free one that is chosen now."""
    missing = [name for name in DEFAULT_PORTS if name not in kept]
    chosen = dict(kept) | dict(zip(missing, _free_ports(len(missing)), strict=True))
    return {name: chosen[name] for name in DEFAULT_PORTS}


def consecutive(first: int) -> dict[str, int]:
    """One port for each part, from `first` on."""
    return {name: first + index for index, name in enumerate(DEFAULT_PORTS)}


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Servers set this too. Without it, a port that was closed a minute ago counts as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_ports(count: int) -> list[int]:
    candidates = random.sample(FREE_PORTS, len(FREE_PORTS))
    free = (port for port in candidates if is_free(port))
    return [next(free) for _ in range(count)]
