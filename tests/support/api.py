"""A client of the API, as an app would be: plain HTTP with a bearer token."""

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import aiohttp
from azure.data.tables import TableClient

from tests.support import patience
from tests.support.patience import Reply
from tests.support.stack import Host, Stack

__all__ = ["Reply"]

# What answers 201 and 200, besides PUT: docs/openapi.json.
_MAKE = ("/groupCalls", "/meetings")


async def ask(
    client: aiohttp.ClientSession,
    host: Host,
    path: str,
    token: str | None = None,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    json: object = None,
    data: bytes | None = None,
) -> Reply:
    """One request, answered within a minute or failed; on a bad day, as often as it is told."""

    async def send() -> Reply:
        return await _ask_once(client, host, path, token, method, headers, json, data)

    if not patience.patient:
        return await send()
    return await patience.last_answer(send, makes=method == "PUT" or path in _MAKE)


async def _ask_once(
    client: aiohttp.ClientSession,
    host: Host,
    path: str,
    token: str | None,
    method: str,
    headers: Mapping[str, str] | None,
    json: object,
    data: bytes | None,
) -> Reply:
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    stream = None if data is None else io.BytesIO(data)
    timeout = aiohttp.ClientTimeout(total=60)
    async with client.request(
        method, f"{host.api}{path}", headers=sent, json=json, data=stream, timeout=timeout
    ) as answer:
        return Reply(answer.status, dict(answer.headers), await _body(answer))


async def _body(answer: aiohttp.ClientResponse) -> Any:
    if not await answer.read():
        return None
    if "json" not in answer.content_type:  # a calendar, or a page for people
        return await answer.text(errors="replace")
    return await answer.json(content_type=None)


async def ask_until_answered(
    client: aiohttp.ClientSession, host: Host, path: str, token: str
) -> Reply:
    """Ask again for as long as the host is dead, as every client does."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask(client, host, path, token)
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)


def mappings(stack: Stack, user: str) -> list[str]:
    """The ACS ids that the mapping rows of a user name, straight from storage."""
    with TableClient.from_connection_string(
        stack.values["tablesConnectionString"], "identities"
    ) as table:
        rows = table.query_entities("id eq @user", parameters={"user": user})
        return [row["communicationUserId"] for row in rows if "communicationUserId" in row]


def recorded(stack: Stack, user: str) -> int:
    """How many identities storage knows to have been made for a user, orphans included."""
    with TableClient.from_connection_string(
        stack.values["tablesConnectionString"], "identities"
    ) as table:
        mapping = next(table.query_entities("id eq @user", parameters={"user": user}))
        principal = {"principal": mapping["PartitionKey"]}
        return len(list(table.query_entities("principal eq @principal", parameters=principal)))


def all_mappings(stack: Stack) -> dict[str, list[str]]:
    """Every user's mappings at once: user id -> ACS ids."""
    found: dict[str, list[str]] = {}
    with TableClient.from_connection_string(
        stack.values["tablesConnectionString"], "identities"
    ) as table:
        for row in table.query_entities("communicationUserId ne '' and id ne ''"):
            found.setdefault(row["id"], []).append(row["communicationUserId"])
    return found
