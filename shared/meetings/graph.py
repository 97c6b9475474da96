"""Adapter to the online meetings of Microsoft Graph: REST in, our types and problems out.

It does not use Microsoft's msgraph-sdk, which takes 433 MB and over a second for its first answer.
It needs only five requests, and sends them by the pipeline that the other SDKs use too.
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
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, HeadersPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest
from pydantic import ValidationError

from shared.meetings.graph_answers import OnlineMeeting, read_first_meeting, read_meeting
from shared.meetings.settings import MeetingSettings, graph_scope
from shared.problems import MeetingRefused
from shared.unavailable import GraphRefused, GraphUnavailable, OrganizerRefused
from shared.upstream.clients import Upstream
from shared.upstream.errors import is_rejected, problem_of, refusal_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.sdk import by_sdk
from shared.upstream.services import GRAPH
from shared.urls import is_loopback

logger = logging.getLogger(__name__)

ROLE = "OnlineMeetings.ReadWrite.All"
# Microsoft's ids of that app role, and of Graph itself: the same in every tenant.
_ROLE_ID = "b8bb2037-6e08-44ac-a4ea-4674e010e2a4"
_GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
# Graph returns two of the lobby scopes only to clients that send this preference.
_HEADERS = {"Prefer": "include-unknown-enum-members", "Accept": "application/json"}
_LINK_OF_NO_MEETING = "https://teams.microsoft.com/l/meetup-join/nowhere"


class MeetingGone(Exception):
    """Graph has no such meeting, or has it no longer."""


@dataclass(frozen=True)
class MeetingPlan:
    """What to write to a meeting; `lobby` None leaves the meeting's lobby as it is."""

    subject: str
    starts_at: datetime
    ends_at: datetime
    lobby: str | None


def graph_api(settings: MeetingSettings, upstream: Upstream) -> "GraphApi | None":
    """The adapter that the settings describe; None if they have no Graph endpoint."""
    if not settings.graph_endpoint:
        return None
    return GraphApi(settings.graph_endpoint, upstream, settings.organizer)


class GraphApi:
    """Creates, changes and finds meetings for the organizers whom the app may act for.

    Every method raises

    * GraphUnavailable or Throttled if Graph did not answer as it should;
    * GraphRefused if the app may not use Graph at all;
    * OrganizerRefused if the app may not act for this organizer: they are unknown, have no
      licence, or no access policy covers them.
    """

    def __init__(self, endpoint: str, upstream: Upstream, organizer: str = "") -> None:
        """
        Args:
            organizer: object id of the service's own organizer: the only one that logs may name.
        """
        self._endpoint = endpoint
        self._organizer = organizer
        self._upstream = upstream

    async def create_or_get(
        self, organizer: str, external_id: str, plan: MeetingPlan
    ) -> OnlineMeeting:
        """Create a meeting, or get the one with this external id; repeatable.

        A meeting that exists is not changed, and the lobby is never set by this.

        Args:
            organizer: object id of an Entra user.

        Raises:
            GraphRefused, OrganizerRefused: this request has created no meeting.
            MeetingRefused: Graph does not accept the plan; the same.
            GraphUnavailable: also if Graph refuses the request when it is sent again after a
                failure. Then it may have created the meeting before.
        """
        body = {"externalId": external_id, "subject": plan.subject, **_start_and_end(plan)}
        path = f"{_meetings_path(organizer)}/createOrGet"
        async with self._errors_as_problems(organizer):
            try:
                return read_meeting(await self._send("POST", path, body))
            except MeetingGone:
                raise await self._explain_refusal(organizer) from None

    async def get(self, organizer: str, meeting_id: str) -> OnlineMeeting:
        """Get a meeting by Graph's id.

        Raises:
            MeetingGone: there is no such meeting.
        """
        async with self._errors_as_problems(organizer):
            return read_meeting(await self._send("GET", _meetings_path(organizer, meeting_id)))

    async def update(self, organizer: str, meeting_id: str, plan: MeetingPlan) -> OnlineMeeting:
        """Change a meeting to what is planned; repeatable.

        Raises:
            MeetingGone: there is no such meeting.
            MeetingRefused: Graph does not accept the plan.
        """
        path = _meetings_path(organizer, meeting_id)
        lobby = {} if plan.lobby is None else {"lobbyBypassSettings": {"scope": plan.lobby}}
        body = {"subject": plan.subject, **_start_and_end(plan), **lobby}
        async with self._errors_as_problems(organizer):
            return read_meeting(await self._send("PATCH", path, body))

    async def delete(self, organizer: str, meeting_id: str) -> None:
        """Delete a meeting; does nothing if there is no such meeting."""
        async with self._errors_as_problems(organizer):
            try:
                await self._send("DELETE", _meetings_path(organizer, meeting_id))
            except MeetingGone:
                return

    async def find_by_link(self, organizer: str, link: str) -> OnlineMeeting | None:
        """The meeting that people join by a link; None if it is not the organizer's."""
        text = link.replace("'", "''")  # OData doubles a quote inside a text
        path = f"{_meetings_path(organizer)}?$filter={quote(f"JoinWebUrl eq '{text}'", safe='')}"
        async with self._errors_as_problems(organizer):
            try:
                return read_first_meeting(await self._send("GET", path))
            except MeetingGone:
                raise await self._explain_refusal(organizer) from None

    async def check(self, organizer: str) -> None:
        """Raise a problem if the app may not act for an organizer. Changes nothing."""
        # MeetingRefused: Graph says that this is no link, so it let the app ask.
        with contextlib.suppress(MeetingRefused):
            await self.find_by_link(organizer, _LINK_OF_NO_MEETING)

    async def check_role(self) -> None:
        """Raise a problem if the app may not use Graph at all. Needs only a token, not Graph."""
        async with self._errors_as_problems("the organizer's object id"):
            refusal = await self._explain_refusal("the organizer's object id")
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
        """Send a request and return the body of the answer.

        Raises:
            MeetingGone: Graph answered 404.
            GraphUnavailable: Graph refused a POST that it may have carried out before.
        """
        tries = 0

        async def send() -> bytes:
            nonlocal tries
            tries += 1
            request = HttpRequest(method, f"{self._endpoint}/v1.0{path}", json=body)
            # The access token is sent over TLS only, except to an emulator on this machine.
            response = await self._client.send_request(
                request, enforce_https=not is_loopback(self._endpoint)
            )
            response.raise_for_status()
            if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:  # Graph sends no redirects
                raise HttpResponseError(response=response)
            return response.content

        try:
            # Each of the requests is safe to repeat.
            return await with_retries(lambda: by_sdk(send))
        except ErrorAnswer as error:
            may_be_done = method == "POST" and tries > 1
            if may_be_done and (is_rejected(error) or refusal_of(error, GRAPH)):
                raise GraphUnavailable from error
            if error.status == HTTPStatus.NOT_FOUND:
                raise MeetingGone from error
            raise

    @asynccontextmanager
    async def _errors_as_problems(self, organizer: str) -> AsyncIterator[None]:
        """Turn failures into problems.

        Graph's error texts stay out of problems and logs, since they may hold people's ids. The
        error code of a 403 does not say what was refused, so `_explain_refusal` finds out.
        """
        try:
            yield
        except ErrorAnswer as error:
            if error.status == HTTPStatus.FORBIDDEN:
                raise await self._explain_refusal(organizer) from error
            if error.status == HTTPStatus.BAD_REQUEST:
                message = f"Teams refuses this meeting ({error.shown_code})."
                raise MeetingRefused(message) from error
            raise problem_of(error, GRAPH) from error
        except RequestFailed as error:
            raise problem_of(error, GRAPH) from error
        except ValidationError as error:
            fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
            logger.error("Graph's answer is not a meeting: %s", ", ".join(fields) or "no JSON")
            raise GraphUnavailable from error
        except ValueError as error:
            logger.error("Graph's answer is no JSON")
            raise GraphUnavailable from error

    async def _explain_refusal(self, organizer: str) -> GraphRefused:
        """Find out what Graph refuses: the claims of our own token say if it is the app as a whole,
        or else it is this organizer.

        Raises:
            GraphTokenRefused: now the app gets no token.
        """
        try:
            token = await self._upstream.managed_identity.get_token(graph_scope(self._endpoint))
        except RequestFailed as error:
            raise problem_of(error, GRAPH) from error
        try:
            claims = jwt.decode(token.token, options={"verify_signature": False})
        except jwt.PyJWTError:
            claims = {}  # Entra's access tokens are JWTs, but Microsoft does not promise that
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
        # An object id names a person, so a caller's stays out of the logs.
        organizer_id = organizer if organizer == self._organizer else "<object id of the caller>"
        return OrganizerRefused(
            "the organizer is not a user of the app's tenant, has no licence for Teams, or no"
            " access policy lets the app act for them. Grant one in Teams PowerShell:"
            f" New-CsApplicationAccessPolicy -Identity trusted-service -AppIds {app_id}; then"
            " Grant-CsApplicationAccessPolicy -PolicyName trusted-service -Identity"
            f" {organizer_id}; it takes up to 30 minutes"
        )


def _meetings_path(organizer: str, meeting_id: str = "") -> str:
    last_segment = f"/{quote(meeting_id, safe='')}" if meeting_id else ""
    return f"/users/{quote(organizer, safe='')}/onlineMeetings{last_segment}"


def _start_and_end(plan: MeetingPlan) -> dict[str, str]:
    return {
        "startDateTime": plan.starts_at.astimezone(UTC).isoformat(),
        "endDateTime": plan.ends_at.astimezone(UTC).isoformat(),
    }
