"""Adapter to the online meetings of Microsoft Graph: REST in, our types and problems out.

Not Microsoft's msgraph-sdk, which takes 433 MB and over a second for its first answer: these are
four requests, on the pipeline that the other SDKs bring along.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import jwt
from azure.core import AsyncPipelineClient
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, HeadersPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from pydantic import ValidationError

from shared.meetings.graph_answers import OnlineMeeting, read_found, read_meeting
from shared.meetings.settings import MeetingSettings, graph_scope
from shared.problems import (
    DEFAULT_RETRY_AFTER,
    GraphRefused,
    GraphTokenRefused,
    GraphUnavailable,
    MeetingRefused,
    OrganizerRefused,
    Throttled,
)
from shared.upstream.clients import Upstream
from shared.upstream.retries import error_code, retry_after, with_retries
from shared.urls import is_loopback

logger = logging.getLogger(__name__)

ROLE = "OnlineMeetings.ReadWrite.All"
# Microsoft's ids of that app role, and of Graph itself: the same in every tenant.
_ROLE_ID = "b8bb2037-6e08-44ac-a4ea-4674e010e2a4"
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
# Two kinds of lobby are told only to who says that they know them.
_HEADERS = {"Prefer": "include-unknown-enum-members", "Accept": "application/json"}
_NOWHERE = "https://teams.microsoft.com/l/meetup-join/nowhere"


class MeetingGone(Exception):
    """Graph has no such meeting, or no longer."""


@dataclass(frozen=True)
class MeetingPlan:
    """What a meeting is to be; `lobby` None leaves it as it is."""

    subject: str
    starts_at: datetime
    ends_at: datetime
    lobby: str | None


def graph_api(settings: MeetingSettings, upstream: Upstream) -> "GraphApi | None":
    """Graph as the settings say; None where they name none."""
    if not settings.graph_endpoint:
        return None
    return GraphApi(settings.graph_endpoint, upstream, settings.organizer)


class GraphApi:
    """Meetings in the name of one organizer or another, whom the app may act for.

    Every method raises GraphUnavailable or Throttled where Graph did not do its part, GraphRefused
    where the app may not use Graph at all, and OrganizerRefused where it may not act for this
    organizer: an unknown one, one without a licence, or one whom no access policy covers.
    """

    def __init__(self, endpoint: str, upstream: Upstream, organizer: str = "") -> None:
        """
        Args:
            organizer: object id of the service's own, whom logs may name.
        """
        self._endpoint = endpoint
        self._organizer = organizer
        self._upstream = upstream

    async def create_or_get(
        self, organizer: str, external_id: str, plan: MeetingPlan
    ) -> OnlineMeeting:
        """The meeting of that external id, made now unless it is there: so it may be repeated.

        One that is there keeps what it was; its lobby is never set by this.

        Args:
            organizer: object id of an Entra user.

        Raises:
            MeetingRefused: Graph does not take the plan.
        """
        body = {"externalId": external_id, "subject": plan.subject, **_times(plan)}
        path = f"{_meetings(organizer)}/createOrGet"
        async with self._errors_as_problems(organizer):
            try:
                return read_meeting(await self._send("POST", path, body))
            except MeetingGone:
                raise await self._refusal(organizer) from None

    async def get(self, organizer: str, meeting_id: str) -> OnlineMeeting:
        """A meeting as it is.

        Raises:
            MeetingGone: it is not there.
        """
        async with self._errors_as_problems(organizer):
            return read_meeting(await self._send("GET", _meetings(organizer, meeting_id)))

    async def update(self, organizer: str, meeting_id: str, plan: MeetingPlan) -> OnlineMeeting:
        """Make a meeting what is planned; repeatable.

        Raises:
            MeetingGone, MeetingRefused: it is not there; Graph does not take the plan.
        """
        lobby = {} if plan.lobby is None else {"lobbyBypassSettings": {"scope": plan.lobby}}
        body = {"subject": plan.subject, **_times(plan), **lobby}
        async with self._errors_as_problems(organizer):
            return read_meeting(await self._send("PATCH", _meetings(organizer, meeting_id), body))

    async def delete(self, organizer: str, meeting_id: str) -> None:
        """Delete a meeting; fine where it is gone."""
        async with self._errors_as_problems(organizer):
            try:
                await self._send("DELETE", _meetings(organizer, meeting_id))
            except MeetingGone:
                return

    async def find_by_link(self, organizer: str, link: str) -> OnlineMeeting | None:
        """The organizer's own meeting that is joined by a link."""
        text = link.replace("'", "''")  # OData's way to quote
        path = f"{_meetings(organizer)}?$filter={quote(f"JoinWebUrl eq '{text}'", safe='')}"
        async with self._errors_as_problems(organizer):
            try:
                return read_found(await self._send("GET", path))
            except MeetingGone:
                raise await self._refusal(organizer) from None

    async def check(self, organizer: str) -> None:
        """May the app act for an organizer? Changes nothing."""
        with contextlib.suppress(MeetingRefused):  # no link, it says: so it had let us ask
            await self.find_by_link(organizer, _NOWHERE)

    async def check_role(self) -> None:
        """May the app use Graph at all? Sends nothing but for a token."""
        async with self._errors_as_problems("the organizer's object id"):
            refusal = await self._refusal("the organizer's object id")
        if not isinstance(refusal, OrganizerRefused):
            raise refusal

    @cached_property
    def _client(self) -> AsyncPipelineClient[HttpRequest, AsyncHttpResponse]:
        scope = graph_scope(self._endpoint)
        options = self._upstream.client_options()
        return AsyncPipelineClient(
            self._endpoint,
            policies=[
                HeadersPolicy(_HEADERS),
                AsyncBearerTokenCredentialPolicy(self._upstream.managed_identity, scope),
            ],
            transport=options["transport"],
        )

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """The body of the answer."""

        async def send() -> bytes:
            request = HttpRequest(method, f"{self._endpoint}/v1.0{path}", json=body)
            # A token goes over TLS, but for an emulator on this machine.
            response = await self._client.send_request(
                request, enforce_https=not is_loopback(self._endpoint)
            )
            response.raise_for_status()
            if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:  # nothing is elsewhere
                raise HttpResponseError(response=response)
            return response.content

        try:
            return await with_retries(send)  # each of them may be repeated
        except HttpResponseError as error:
            if error.status_code == HTTPStatus.NOT_FOUND:
                raise MeetingGone from error
            raise

    @asynccontextmanager
    async def _errors_as_problems(self, organizer: str) -> AsyncIterator[None]:
        """Turn what the pipeline raises into what it means. Graph's texts stay out of problems and
        logs: they may hold ids of people. Their codes do not tell one refusal from another."""
        try:
            yield
        except HttpResponseError as error:
            status, code = error.status_code, error_code(error)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                logger.warning("Graph throttles us")
                raise Throttled(retry_after=retry_after(error) or DEFAULT_RETRY_AFTER) from error
            if status == HTTPStatus.FORBIDDEN:
                raise await self._refusal(organizer) from error
            if status is None or status == HTTPStatus.UNAUTHORIZED:
                raise _no_credential(error) from error
            if status == HTTPStatus.BAD_REQUEST:
                raise MeetingRefused(f"Teams does not take this meeting ({code}).") from error
            logger.warning("Graph answered %s (%s)", status, code)
            raise GraphUnavailable(retry_after=retry_after(error)) from error
        except AzureError as error:
            logger.warning("Graph cannot be reached: %s", type(error).__name__)
            raise GraphUnavailable from error
        except ValidationError as error:
            fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
            logger.error("Graph's answer is not a meeting: %s", ", ".join(fields) or "no JSON")
            raise GraphUnavailable from error
        except ValueError as error:
            logger.error("Graph answered with what is no JSON")
            raise GraphUnavailable from error

    async def _refusal(self, organizer: str) -> GraphRefused:
        """Why Graph refuses us: our own token says whether it is the app, or this organizer."""
        token = await self._upstream.managed_identity.get_token(graph_scope(self._endpoint))
        try:
            claims = jwt.decode(token.token, options={"verify_signature": False})
        except jwt.PyJWTError:
            claims = {}  # Entra's are JWTs; nobody promises it
        app_id = claims.get("appid", claims.get("azp", "the app's client id"))
        object_id = claims.get("oid", "the object id of the app's identity")
        if "scp" in claims:
            return GraphRefused(
                "the token is a person's and not the app's: run this where the app runs"
            )
        if ROLE not in claims.get("roles", []):
            return GraphRefused(
                f"the app's identity lacks the role {ROLE}. Give it: az rest --method POST --uri"
                f" {self._endpoint}/v1.0/servicePrincipals/{object_id}/appRoleAssignments --body"
                f' \'{{"principalId": "{object_id}", "appRoleId": "{_ROLE_ID}", "resourceId":'
                f' "<id>"}}\' with the id of: az ad sp show --id {_GRAPH_APP_ID} --query id'
            )
        who = organizer if organizer == self._organizer else "<object id of the caller>"
        return OrganizerRefused(
            "the organizer is no user of the app's tenant, has no licence for Teams, or no access"
            " policy lets the app act for them. Grant one in Teams PowerShell:"
            f" New-CsApplicationAccessPolicy -Identity trusted-service -AppIds {app_id}; then"
            " Grant-CsApplicationAccessPolicy -PolicyName trusted-service -Identity"
            f" {who}; it takes up to 30 minutes"
        )


def _meetings(organizer: str, meeting_id: str = "") -> str:
    one = f"/{quote(meeting_id, safe='')}" if meeting_id else ""
    return f"/users/{quote(organizer, safe='')}/onlineMeetings{one}"


def _times(plan: MeetingPlan) -> dict[str, str]:
    return {
        "startDateTime": plan.starts_at.astimezone(UTC).isoformat(),
        "endDateTime": plan.ends_at.astimezone(UTC).isoformat(),
    }


def _no_credential(error: HttpResponseError) -> GraphUnavailable:
    if error.status_code is None and not isinstance(error, ClientAuthenticationError):
        return GraphUnavailable()
    return GraphTokenRefused(
        "Graph takes no token of this app: does the app have a managed identity, in the tenant of"
        " GRAPH_ENDPOINT's cloud?"
    )
