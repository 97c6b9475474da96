"""Why an installation ended: the exceptions, and what the output of pip and npm says, in words.

Readable by Python 3.6 (see dev.py).
"""

import re
from typing import List, Optional

from devstack.os_errors import says_full

# How many lines of its output are shown when a step fails for a reason that is not known here.
SHOWN_LINES = 15

_UNREACHABLE = re.compile(
    # pip, from urllib3; npm, from Node.js
    r"NewConnectionError|NameResolutionError|Failed to establish a new connection|"
    r"Temporary failure in name resolution|Network is unreachable|ProxyError|ConnectTimeoutError|"
    r"\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b"
)
_HOST = re.compile(r"host='([^']+)'|request to https?://(?:[^/@]*@)?([^/\s]+)")
# What npm says of each request, when it is told to.
_NOISE = re.compile(r"^npm (?:http|timing|warn Unknown)")


class InstallationError(Exception):
    """The installation failed; the message tells the person why, and what to do."""


class InstallationInterrupted(BaseException):
    """SIGINT or SIGTERM came while installing. Like KeyboardInterrupt it is no `Exception`."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal = signal_number


def why_it_failed(label: str, lines: List[str], log: str, is_full: bool) -> str:
    """The reason in one line where the output of a step says one that is known; else its end.

    Args:
        label: what the step does.
        lines: what the step has written.
        log: the file that has it too.
        is_full: whether the disk has no room left, which a step cannot write anywhere then.
    """
    text = "\n".join(lines)
    if is_full or says_full(text):
        reason = "the disk is full: make room, and start again"
    elif _UNREACHABLE.search(text):
        host = _host_in(text)
        reason = "{} cannot be reached: is this machine online?".format(host or "the package index")
    else:
        shown = [line for line in lines if not _NOISE.match(line)][-SHOWN_LINES:]
        last = "\n  ".join(shown)
        return "{} failed:\n  {}\nAll of the output is in {}.".format(label, last, log)
    return "{} failed: {} ({} has the details)".format(label, reason, log)


def _host_in(text: str) -> Optional[str]:
    found = _HOST.search(text)
    return (found.group(1) or found.group(2)) if found else None
