"""Keeps web pages from elsewhere away from a stack that asks nobody for a password.

A browser on the developer's machine sends requests to 127.0.0.1 for any page that it shows, and
names that page's origin in the Origin header. A DNS name that was rebound to 127.0.0.1 shows in the
Host header.
"""

import ipaddress
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Is this an address of this machine?"""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_from_this_machine(host: str | None, origin: str | None) -> bool:
    """Do the headers Host and Origin of a request name this machine? Programs send no Origin."""
    return (not host or is_local(f"//{host}")) and (origin is None or is_local(origin))
