"""Which addresses may be trusted with a token or a key."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

_PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without blanks and backslashes


def is_safe_url(url: str) -> bool:
    """https, or http on this very machine (an emulator); nothing that two parsers read apart."""
    if not _PLAIN.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def hostname(url: str) -> str | None:
    """The host name in lower case, without port; None where there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(url: str) -> bool:
    """Is what it names on this very machine?"""
    return _is_loopback(hostname(url) or "")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
