"""Adapter to the assignments of ACS: the users and accounts of Teams that the resource serves.

No SDK for Python has these operations yet (azure-communication-identity 1.5.0).
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from shared.problems import AssignmentRefused
from shared.upstream.clients import Upstream
from shared.upstream.errors import is_rejected, problem_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.services import ACS
from shared.upstream.settings import UpstreamSettings
from shared.upstream.signing import AccessKey
from shared.upstream.wire import Answer, Wire

_VERSION = "api-version=2025-06-30"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
# What Microsoft's SDK asks access tokens of ACS for, in every cloud.
_SCOPE = "https://communication.azure.com//.default"
AGENT = "user"
# Microsoft's documentation writes the first, its specification of the same version the second
# (reference: "Server consent").
RESOURCE_ACCOUNT_WORDS = ("teamsResourceAccount", "resourceAccount")


@dataclass(frozen=True)
class Assignment:
    """
    Attributes:
        principal_type: `user`, or one of `RESOURCE_ACCOUNT_WORDS`.
        client_ids: the Entra apps with which a user may sign in.
    """

    principal_type: str
    client_ids: tuple[str, ...]


class Assignments:
    """The operations on assignments. Each may be repeated, with the same effect.

    Every method raises CommunicationUnavailable or Throttled if ACS does not do what it should.
    """

    def __init__(self, settings: UpstreamSettings, upstream: Upstream) -> None:
        self._settings = settings
        self._upstream = upstream

    async def put_agent(self, tenant: str, object_id: str, app_id: str) -> None:
        """Let a Teams user take calls of the resource, in a client of an Entra app.

        Raises:
            AssignmentRefused: ACS does not take the user.
        """
        await self._put(tenant, object_id, {"principalType": AGENT, "clientIds": [app_id]})

    async def put_resource_account(self, tenant: str, object_id: str) -> bool:
        """Let the resource call as a Teams resource account, and answer for it.

        Returns:
            Whether that is new.

        Raises:
            AssignmentRefused: ACS does not take the account.
        """
        documented, specified = RESOURCE_ACCOUNT_WORDS
        try:
            return await self._put(tenant, object_id, {"principalType": documented})
        except AssignmentRefused:
            return await self._put(tenant, object_id, {"principalType": specified})

    async def find(self, tenant: str, object_id: str) -> Assignment | None:
        """The assignment of a user or account; None if there is none."""
        async with _errors_as_problems():
            try:
                answer = await with_retries(lambda: self._send("GET", tenant, object_id))
            except ErrorAnswer as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return None
                raise
            return answer.read(
                lambda found: Assignment(
                    str(found["principalType"]), tuple(map(str, found.get("clientIds") or ()))
                )
            )

    async def remove(self, tenant: str, object_id: str) -> None:
        """End the assignment of a user or account; it is no error if there is none."""
        async with _errors_as_problems():
            try:
                await with_retries(lambda: self._send("DELETE", tenant, object_id))
            except ErrorAnswer as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise

    async def _put(self, tenant: str, object_id: str, body: Mapping[str, Any]) -> bool:
        content = json.dumps(body, separators=(",", ":")).encode()
        async with _errors_as_problems():
            answer = await with_retries(lambda: self._send("PUT", tenant, object_id, content))
        return answer.status == HTTPStatus.CREATED

    async def _send(self, method: str, tenant: str, object_id: str, content: bytes = b"") -> Answer:
        # Both are GUIDs, so that nothing has to be escaped.
        path = f"/access/teamsExtension/tenants/{tenant}/assignments/{object_id}"
        return await self._wire.send(method, f"{path}?{_VERSION}", _HEADERS, content)

    @cached_property
    def _wire(self) -> Wire:
        endpoint, key = self._settings.communication_endpoint, self._settings.communication_key
        signer = AccessKey(endpoint, key) if key else self._upstream.token_for(_SCOPE)
        return Wire(self._upstream.session, endpoint, signer)


@asynccontextmanager
async def _errors_as_problems() -> AsyncIterator[None]:
    try:
        yield
    except ErrorAnswer as error:
        # A 404 without a code comes from a gateway, which judges nobody.
        is_judged = error.status != HTTPStatus.NOT_FOUND or error.code != ""
        if is_rejected(error) and is_judged:
            raise AssignmentRefused from error
        raise problem_of(error, ACS) from error
    except RequestFailed as error:
        raise problem_of(error, ACS) from error
