"""Which URL schemes a native app may have, to which the issuer then redirects.

Readable by Python 3.6, and standard library only (see dev.py).
"""

import argparse
import re

# Those that are the web's, or run what follows them: no native app has them.
NO_APPS = ("about", "blob", "data", "file", "ftp", "http", "https", "javascript", "ws", "wss")


def app_scheme(text: str) -> str:
    """The scheme in lower case, for argparse."""
    scheme = text.lower()
    if not re.match(r"[a-z][a-z0-9+.-]*\Z", scheme) or scheme in NO_APPS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no URL scheme of a native app, such as com.example.app"
        )
    return scheme
