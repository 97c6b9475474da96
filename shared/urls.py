"""Checks to which URLs the service may send a token or a key."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_UNAMBIGUOUS = re.compile(r"[!-\[\]-~]+")  # printable ASCII without blanks and backslashes


def is_safe_url(url: str) -> bool:
    """Whether a URL is https, or http on this machine (an emulator).

    False for a URL that two parsers may read differently: a secret could go to another host than
    the one that was checked.
    """
    if not _UNAMBIGUOUS.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if the port is no number
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def hostname(url: str) -> str | None:
    """The host name of a URL in lower case, without port; None if it has none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    return _is_loopback(hostname(url) or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
