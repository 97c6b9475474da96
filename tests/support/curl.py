"""As much of curl as the pages need: `curl` itself may be missing where tests run.

It speaks HTTP itself, over a connection for one request: to import `http.client` takes three times
as long as all the rest.
"""

import socket
import sys
from getopt import gnu_getopt


def main(arguments: list[str]) -> int:
    given, [url] = gnu_getopt(arguments, "sX:H:d:o:w:")
    options = dict(given)
    data = options.get("-d")
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    method = options.get("-X") or ("GET" if data is None else "POST")
    content = (data or "").encode()
    headers = [f"Host: {address}", "Connection: close"]
    headers += [] if method == "GET" else [f"Content-Length: {len(content)}"]
    headers += [text for name, text in given if name == "-H"]
    head = "\r\n".join([f"{method} /{path} HTTP/1.1", *headers, "", ""])
    with (
        socket.create_connection((host, int(port)), timeout=30) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(head.encode() + content)
        _, status, *_ = answer.readline().decode().split()
        while header := answer.readline().strip().lower():
            assert not header.startswith(b"transfer-encoding"), (
                "a body that ends otherwise is not read"
            )
        body = answer.read().decode()
    written = options.get("-w", "").replace("%{http_code}", status).replace("\\n", "\n")
    print("" if "-o" in options else body, written, sep="", end="")
    return 0 if int(status) < 400 else 22  # as curl --fail


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
