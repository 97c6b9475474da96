"""The services that the reference's functions use: the issuer's keys, one table, and ACS."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import jwt
from yarl import URL

_KEEP_ALIVE_SECONDS = 60
_SCOPES = b'{"scopes":["voip"],"expiresInMinutes":60}'
_TABLE_HEADERS = {
    "x-ms-version": "2019-02-02",
    "Accept": "application/json;odata=minimalmetadata",
    "Content-Type": "application/json",
    "Prefer": "return-no-content",
}


def _parts(setting: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in os.environ[setting].strip(";").split(";"))
    return {name.lower(): value for name, _, value in pairs}


_TABLES = _parts("TABLES_CONNECTION_STRING")
_TABLE_KEY = base64.b64decode(_TABLES["accountkey"])
_TABLE_URL = urlsplit(_TABLES["tableendpoint"])
_ACS = _parts("COMMUNICATION_CONNECTION_STRING")
_ACS_KEY = base64.b64decode(_ACS["accesskey"])
_ACS_URL = urlsplit(_ACS["endpoint"])
_ISSUER, _AUDIENCE = os.environ["BENCH_ISSUER"], os.environ["BENCH_AUDIENCE"]
_KEYS = {
    key["kid"]: jwt.PyJWK(key)
    for key in json.loads(Path(os.environ["BENCH_KEY_SET"]).read_text())["keys"]
}


@cache
def session() -> aiohttp.ClientSession:
    """The one session of this process, made inside its event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


def verified_user(authorization: str) -> str:
    """The subject of a bearer token, which is verified."""
    token = authorization.split(" ", 1)[1]
    key = _KEYS[jwt.get_unverified_header(token)["kid"]].key
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=_AUDIENCE, issuer=_ISSUER)
    return str(claims["sub"])


def mapping_key(user: str) -> str:
    """The PartitionKey of a user's row, as the service makes it."""
    digest = hashlib.sha256()
    for part in (b"identity of", b"user", _ISSUER.encode(), user.encode()):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


async def read_row(table: str, partition_key: str, row_key: str) -> dict[str, Any]:
    path = f"/{table}(PartitionKey='{partition_key}',RowKey='{row_key}')"
    return await _table_json("GET", path)


async def query_partition(table: str, partition_key: str) -> list[dict[str, Any]]:
    """The first page of a partition's rows, as the service asks for the buddy list."""
    row_filter = f"PartitionKey eq '{partition_key}' and state ne 'hidden'"
    path = f"/{table}()?$top=1000&$filter={quote(row_filter, safe='')}"
    page = await _table_json("GET", path)
    rows: list[dict[str, Any]] = page["value"]
    return rows


async def insert_rows(table: str, rows: list[dict[str, Any]], at_once: int) -> None:
    """Insert rows, as many at a time as the service does."""
    slots = asyncio.Semaphore(at_once)

    async def insert(row: dict[str, Any]) -> None:
        async with slots:
            await _table_json("POST", f"/{table}", json.dumps(row, separators=(",", ":")).encode())

    await asyncio.gather(*map(insert, rows))


async def _table_json(method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    target, date = _TABLE_URL.path + path, formatdate(usegmt=True)
    account = _TABLES["accountname"]
    signed = f"{date}\n/{account}{target.partition('?')[0]}"
    headers = {
        **_TABLE_HEADERS,
        "x-ms-date": date,
        "Authorization": f"SharedKeyLite {account}:{_signature(_TABLE_KEY, signed)}",
    }
    origin = f"{_TABLE_URL.scheme}://{_TABLE_URL.netloc}"
    return await _json(method, origin + target, headers, body)


async def issue_token(user_id: str) -> dict[str, Any]:
    """A calling token of ACS."""
    target = f"/identities/{quote(user_id, safe='')}/:issueAccessToken?api-version=2023-10-01"
    date = formatdate(usegmt=True)
    content = base64.b64encode(hashlib.sha256(_SCOPES).digest()).decode()
    signed = f"POST\n{target}\n{date};{_ACS_URL.netloc};{content}"
    headers = {
        "x-ms-date": date,
        "x-ms-content-sha256": content,
        "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        f"&Signature={_signature(_ACS_KEY, signed)}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    return await _json("POST", f"{_ACS_URL.scheme}://{_ACS_URL.netloc}{target}", headers, _SCOPES)


async def _json(
    method: str, url: str, headers: dict[str, str], body: bytes | None
) -> dict[str, Any]:
    target = URL(url, encoded=True)
    async with session().request(method, target, headers=headers, data=body) as answer:
        content = await answer.read()
        if not answer.ok:
            raise RuntimeError(f"{method} {target.path} was answered {answer.status}")
        return json.loads(content) if content else {}


def _signature(key: bytes, text: str) -> str:
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
