"""The REST API of Table Storage, as far as the measures use it: entities, queries, transactions."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from benchmarks.stub.messages import Answer, Request, json_answer
from benchmarks.stub.store import Refused, Store, parts_of

_ENTITY = re.compile(r"/[^/]+/(\w+)\(PartitionKey='([^']*)',RowKey='([^']*)'\)")
_TABLE = re.compile(r"/[^/]+/(\w+)(?:\(\))?")
_BOUNDARY = "batchresponse"
# A change inside a transaction, as the service and Microsoft's SDK write it.
_PART = re.compile(
    rb"(POST|PUT|PATCH|MERGE|DELETE) (\S+) HTTP/1\.1\r\n(.*?)\r\n\r\n(.*?)(?=\r\n--|\Z)", re.DOTALL
)


class Tables:
    """Answers the requests to Table Storage."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def operation(self, request: Request) -> str:
        """The kind of request: `get`, `query`, `insert`, `update`, `remove` or `batch`."""
        if request.path.endswith("$batch"):
            return "batch"
        if request.method == "GET":
            return "get" if "(PartitionKey=" in request.path else "query"
        return {"POST": "insert", "DELETE": "remove"}.get(request.method, "update")

    def answer(self, request: Request) -> Answer:
        try:
            if request.path.endswith("$batch"):
                return self._transact(request)
            if request.method == "GET":
                return self._read(request)
            etag = self._change(request)
        except Refused as refused:
            return json_answer({"odata.error": {"code": refused.code}}, refused.status)
        return Answer(204, headers={"ETag": etag} if etag else {})

    def _read(self, request: Request) -> Answer:
        keys = _keys(request.path)
        if keys is not None:
            found = self._store.get(*keys)
            return Answer(200, found.json, {"ETag": found.etag})
        query = parse_qs(request.query)
        table = _table(request.path)
        since = query.get("NextPartitionKey", [""])[0], query.get("NextRowKey", [""])[0]
        rows, next_row = self._store.query(
            table, query.get("$filter", [""])[0], int(query.get("$top", ["1000"])[0]), since
        )
        if "$select" in query:
            body = parts_of(rows, query["$select"][0].split(","))
        else:
            body = b'{"value":[' + b",".join(row.json for row in rows) + b"]}"
        if next_row is None:
            return Answer(200, body)
        where = next_row.entity
        return Answer(
            200,
            body,
            {
                "x-ms-continuation-NextPartitionKey": where["PartitionKey"],
                "x-ms-continuation-NextRowKey": where["RowKey"],
            },
        )

    def _change(self, request: Request) -> str:
        """Returns the new etag; empty after a deletion."""
        keys = _keys(request.path)
        if request.method == "DELETE":
            assert keys is not None  # noqa: S101
            self._store.delete(*keys, request.headers.get("if-match", "*"))
            return ""
        entity: dict[str, Any] = json.loads(request.body)
        if keys is None:
            return self._store.insert(_table(request.path), entity)
        table, partition_key, row_key = keys
        entity |= {"PartitionKey": partition_key, "RowKey": row_key}
        merge = request.method != "PUT"
        return self._store.update(table, entity, request.headers.get("if-match"), merge=merge)

    def _transact(self, request: Request) -> Answer:
        """One transaction: its first change names the table and the partition of all."""
        parts = [
            Request(method.decode(), _path_of(url.decode()), "", _headers(head), body)
            for method, url, head, body in _PART.findall(request.body)
        ]
        with self._store.transaction(*_partition_of(parts[0])):
            texts = [_part(self._change(part)) for part in parts]
        body = "".join(f"--changesetresponse\r\n{text}" for text in texts)
        whole = (
            f"--{_BOUNDARY}\r\nContent-Type: multipart/mixed; boundary=changesetresponse\r\n\r\n"
            f"{body}--changesetresponse--\r\n--{_BOUNDARY}--\r\n"
        )
        kind = {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"}
        return Answer(202, whole.encode(), kind)


def _partition_of(request: Request) -> tuple[str, str]:
    keys = _keys(request.path)
    if keys is not None:
        return keys[0], keys[1]
    return _table(request.path), str(json.loads(request.body)["PartitionKey"])


def _part(etag: str) -> str:
    told = f"ETag: {etag}\r\n" if etag else ""
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        f"HTTP/1.1 204 No Content\r\nDataServiceVersion: 3.0;\r\n{told}\r\n\r\n"
    )


def _headers(head: bytes) -> Mapping[str, str]:
    lines = (line.partition(":") for line in head.decode().split("\r\n"))
    return {name.lower(): value.strip() for name, _, value in lines}


def _path_of(url: str) -> str:
    return "/" + url.split("://", 1)[-1].partition("/")[2].partition("?")[0]


def _keys(path: str) -> tuple[str, str, str] | None:
    """Table, PartitionKey and RowKey that a path names."""
    found = _ENTITY.fullmatch(unquote(path))
    return None if found is None else (found[1], found[2], found[3])


def _table(path: str) -> str:
    found = _TABLE.fullmatch(path)
    if found is None:
        raise Refused(404, "ResourceNotFound")
    return found[1]
