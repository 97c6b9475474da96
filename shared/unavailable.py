"""Errors that a client can see and that another service causes, or a wrong setting for it.

Each has a time after which the client may try again. See `shared.problems`.
"""

from http import HTTPStatus

from shared.problems import Problem

# Seconds: long enough to keep clients from flooding us, short enough for a person to wait.
DEFAULT_RETRY_AFTER = 2.0
# Seconds, if the operator has to repair something first.
OPERATOR_RETRY_AFTER = 30.0


class Unavailable(Problem):
    """Another service, on which this one depends, failed. `retry_after` is always set."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    title = "The service cannot do this right now; try again later."

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(
            detail, retry_after=DEFAULT_RETRY_AFTER if retry_after is None else retry_after
        )


class TimedOut(Unavailable):
    code = "timed-out"
    title = "The service did not get an answer in time; try again later."


class Undelivered(Unavailable):
    """Asks Event Grid to deliver an event again.

    Event Grid retries 10 seconds after this, but 30 seconds after a 503 ("Event Grid message
    delivery and retry"). A call rings for 30 seconds, so that would be too late.
    """

    status = HTTPStatus.BAD_GATEWAY
    code = "undelivered"
    title = "The service cannot handle this right now; deliver it again."


class Refused(Unavailable):
    """A service refuses this one, or this one has no credential for it.

    Attributes:
        remedy: what the operator has to do; for logs and the doctor, not for clients.
        is_without_token: whether the service was not even asked, for want of an access token.
    """

    def __init__(self, remedy: str, *, is_without_token: bool = False) -> None:
        super().__init__(retry_after=OPERATOR_RETRY_AFTER)
        self.remedy = remedy
        self.is_without_token = is_without_token


class StorageUnavailable(Unavailable):
    code = "storage-unavailable"
    title = "The service's storage cannot be used right now; try again later."


class TableMissing(StorageUnavailable):
    code = "table-missing"
    title = "A table of this service is missing; its operator has to create it."


class StorageRefused(Refused, StorageUnavailable):
    code = "storage-refused"
    title = "This service may not use its storage; its operator has to repair that."


class CommunicationUnavailable(Unavailable):
    code = "communication-unavailable"
    title = "Azure Communication Services cannot be used right now; try again later."


class CommunicationRefused(Refused, CommunicationUnavailable):
    code = "communication-refused"
    title = "This service may not use its ACS resource; its operator has to repair that."


class IdentityGone(CommunicationUnavailable):
    """ACS does not know the mapped identity, or says that it belongs to another resource."""

    code = "identity-gone"
    title = "Azure Communication Services no longer knows the caller's identity."


class GraphUnavailable(Unavailable):
    code = "graph-unavailable"
    title = "Microsoft Graph cannot be used right now; try again later."


class GraphRefused(Refused, GraphUnavailable):
    """Graph does not let the app do this."""

    code = "graph-refused"
    title = "This service may not use Microsoft Graph; its operator has to repair that."


class GraphTokenRefused(GraphRefused):
    """The app got no token for Graph, or Graph did not accept it. That may pass by itself."""


class OrganizerRefused(GraphRefused):
    code = "organizer-refused"
    title = "This service may not act for that organizer of meetings; its operator can repair that."


class KeysUnavailable(Unavailable):
    """The keys that sign an issuer's tokens cannot be fetched."""

    code = "issuer-unavailable"
    title = "The token cannot be checked: its issuer's keys cannot be fetched right now."
