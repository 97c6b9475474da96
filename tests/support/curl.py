"""As much of curl as the pages need: `curl` itself may be missing where tests run."""

import argparse
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-o", dest="output")
    parser.add_argument("-w", dest="written", default="")
    parser.add_argument("url")
    asked = parser.parse_args(arguments)
    parts = urlsplit(asked.url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    connection.request(
        asked.method or ("POST" if asked.data else "GET"),
        asked.url.removeprefix(f"{parts.scheme}://{parts.netloc}"),
        asked.data.encode() if asked.data else None,
        dict(header.split(": ", 1) for header in asked.headers),
    )
    answer = connection.getresponse()
    body = "" if asked.output else answer.read().decode()
    written = asked.written.replace("%{http_code}", str(answer.status)).replace("\\n", "\n")
    print(body, written, sep="", end="")
    return 0 if answer.status < 400 else 22  # as curl --fail


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
