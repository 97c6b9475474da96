"""Keeping web pages of the world away from a stack that lets anybody be anybody.

A browser on the developer's machine reaches 127.0.0.1 on behalf of any page that it shows, and says
so in the Origin header; a DNS name rebound to 127.0.0.1 shows in the Host header.
"""

import ipaddress
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Is this address one of this machine's own?"""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_ask(host: str | None, origin: str | None) -> bool:
    """May a request with these two headers be answered? Programs send no Origin."""
    return (not host or is_local(f"//{host}")) and (origin is None or is_local(origin))
