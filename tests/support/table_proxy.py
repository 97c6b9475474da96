"""A proxy in front of Azurite that counts requests and gets them wrong on demand.

Its faults are for the operations `get`, `query`, `insert`, `update`, `remove`, `batch` and
`tables`.
"""

from collections import Counter
from typing import override

from aiohttp import web
from pydantic import JsonValue

from tests.support.failing_proxy import FailingProxy


class TableProxy(FailingProxy):
    """Stands at `url` in the place of `connection_string`'s endpoint.

    Attributes:
        requests: how many of each operation have come, refused ones included.
    """

    operations = ("get", "query", "insert", "update", "remove", "batch", "tables")

    def __init__(self, connection_string: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
        super().__init__(parts["TableEndpoint"])
        self._parts = parts
        self.requests: Counter[str] = Counter()

    @property
    def connection_string(self) -> str:
        parts = {**self._parts, "TableEndpoint": f"{self.url}{self._target.path}"}
        return "".join(f"{name}={value};" for name, value in parts.items())

    @override
    def operation(self, request: web.Request) -> str:
        operation = _operation(request)
        self.requests[operation] += 1
        return operation

    @override
    def error_body(self, status: int) -> JsonValue:
        return {"odata.error": {"code": f"Fault{status}"}}


def _operation(request: web.Request) -> str:
    path, method = request.raw_path.partition("?")[0], request.method
    if path.endswith("$batch"):
        return "batch"
    if "/Tables" in path:
        return "tables"
    if method == "GET":
        return "get" if "RowKey" in path else "query"
    return {"POST": "insert", "DELETE": "remove"}.get(method, "update")
