"""Every error that a client can see, each declared once (RFC 9457 problem details); those whose
cause is another service are in `shared.unavailable`.

Any module below the HTTP edge raises them; only `shared.http` turns them into answers. A `detail`
goes to strangers: it never holds the text of an exception, a secret, or another person's data.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar, NamedTuple


class Fault(NamedTuple):
    """One thing that is wrong with a request, in the names that the client used.

    Attributes:
        where: "query", "body", "path" or "header"; "policy" if only this service's settings forbid
            it.
        field: the name of the field; "" for the whole.
    """

    where: str
    field: str
    message: str


class Problem(Exception):
    """Base of all errors.

    Attributes:
        code: identifies the error to clients; it never changes.
        title: says in one sentence what the error means; the same each time.
    """

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str = "",
        *,
        faults: Sequence[Fault] = (),
        retry_after: float | None = None,
        www_authenticate: str | None = None,
    ) -> None:
        """
        Args:
            detail: what happened this time; the title if empty.
            faults: all faults of the request.
            retry_after: seconds after which the client may try again.
            www_authenticate: the challenge of a 401 or 403.
        """
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.www_authenticate = www_authenticate


class InvalidRequest(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "invalid-request"
    title = "The request is not valid."


class BodyTooLarge(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "body-too-large"
    title = "The body is too large."


class NotJson(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "not-json"
    title = "The body must be JSON, with Content-Type: application/json."


class BodyEncoded(Problem):
    """The platform passes bodies on as they were sent, and this service decompresses none."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "body-encoded"
    title = "The body must not be compressed: send it without Content-Encoding."


class LengthRequired(Problem):
    """The platform passes on no body whose length was not announced."""

    status = HTTPStatus.LENGTH_REQUIRED
    code = "length-required"
    title = "The body needs a Content-Length; it cannot be sent in chunks."


class Unauthenticated(Problem):
    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"
    title = "This needs a valid bearer token."


class Forbidden(Problem):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    title = "The caller may not do this."


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND
    code = "not-found"
    title = "There is nothing here."


class BeingErased(Problem):
    status = HTTPStatus.CONFLICT
    code = "being-erased"
    title = "This is being erased; repeat the erasure until it answers 204."


class Conflict(Problem):
    status = HTTPStatus.CONFLICT
    code = "conflict"
    title = "Others changed this at the same time; try again."


class KeyReused(Problem):
    """The client sent an Idempotency-Key again with a different request."""

    status = HTTPStatus.CONFLICT
    code = "idempotency-key-reused"
    title = "This Idempotency-Key came before, with another request."


class RecordingInProgress(Problem):
    status = HTTPStatus.CONFLICT
    code = "recording-in-progress"
    title = "The call is being recorded already."


class NotRecorded(Problem):
    status = HTTPStatus.CONFLICT
    code = "not-recorded"
    title = "The call is not being recorded."


class CallRefused(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "call-refused"
    title = "Azure Communication Services refuses this for the call."


class AssignmentRefused(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "agent-refused"
    title = "Azure Communication Services refuses this Teams user as an agent."


class CallEnded(Problem):
    status = HTTPStatus.CONFLICT
    code = "call-ended"
    title = "The call has ended, or is not connected yet."


class TooManyCalls(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-calls"
    title = "The caller has too many calls."


class TooManyLegs(Problem):
    """`retry_after` says when there is room again for as many as the request named."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-legs"
    title = "The caller has called and invited too many people within a minute."


class TooManyActions(Problem):
    """64 actions of a call go on, or are invitations that may still be repeated."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-actions"
    title = "Too many actions of the call go on; wait until some have ended."


class NotConfigured(Problem):
    status = HTTPStatus.NOT_IMPLEMENTED
    code = "not-configured"
    title = "This feature is not configured here."


class TeamsTokenRefused(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "teams-token-refused"
    title = "The Teams user's token is not accepted."


class Throttled(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "throttled"
    title = "Too many requests; try again later."


class TooManyUnanswered(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-unanswered"
    title = "Too many of the caller's requests are unanswered."


class TooManyFriends(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-friends"
    title = "The caller has too many friends, requests and blocks."


class TooManyShared(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-shared"
    title = "The caller shares too many calls."


class TooManyAgents(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-agents"
    title = "The realm has too many agents."


class TooManyBots(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too-many-bots"
    title = "The realm has too many bots."


class Misconfigured(Problem):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "misconfigured"
    title = "The service is misconfigured."


class IssuerMisconfigured(Misconfigured):
    """The documents of an issuer do not fit the settings, so waiting does not help.

    Attributes:
        remedy: what the operator has to do; for logs and the doctor, not for clients.
    """

    def __init__(self, setting: str, remedy: str) -> None:
        super().__init__(f"Wrong or missing settings: {setting}.")
        self.remedy = remedy


class InternalError(Problem):
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal-error"
    title = "Something went wrong here; it has been logged."


class MeetingRefused(Problem):
    status = HTTPStatus.BAD_REQUEST
    code = "meeting-refused"
    title = "Teams refuses this meeting."
