"""Answers in Graph's own shape, and every error that the emulator answers.

The shape is recorded, and so is what a comment calls recorded: it is in Microsoft's documentation
or in reports of its users. Everything else is [assumed]; a client should rely on the code at most.
"""

import uuid
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.bearer import Flaw, IssuerUnreachableError
from devstack.emulation.faults import error_phrase, phrase_code

# Where a 401 sends clients for a token; the client id is Graph's own.
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    ', client_id="00000003-0000-0000-c000-000000000000"'
)


class GraphError(Exception):
    """An answer other than success.

    Args:
        status: the HTTP status.
        code, message: what the error body says.
        headers: more than the usual ones, such as Retry-After.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def answer(self, request: web.Request) -> web.Response:
        body = error_body(self.code, self.message, request)
        return web.json_response(body, status=self.status, headers=self.headers)


def name_request(request: web.Request) -> None:
    """Give the request the id that its headers and error bodies will have."""
    request["request-id"] = str(uuid.uuid4())


def request_ids(request: web.Request) -> dict[str, str]:
    """The id that the service gave the request, and the one that the client gave it, if any."""
    ours: str = request["request-id"]
    return {
        "request-id": ours,
        "client-request-id": request.headers.get("client-request-id", ours),
    }


def error_body(code: str, message: str, request: web.Request) -> dict[str, JsonValue]:
    inner: dict[str, JsonValue] = {"date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"}
    inner.update(request_ids(request))
    return {"error": {"code": code, "message": message, "innerError": inner}}


def fault_body(status: int, request: web.Request) -> JsonValue:
    """The error body of a fault that gives none."""
    return error_body(*error_phrase(status), request)


def bad_body(message: str) -> GraphError:
    return GraphError(400, "BadRequest", message)


def no_token() -> GraphError:
    return _unauthenticated("Access token is empty.")  # recorded


def refused_token(flaw: Flaw) -> GraphError:
    messages = {
        Flaw.MALFORMED: "CompactToken parsing failed with error code: 80049217",  # recorded
        Flaw.EXPIRED: "Lifetime validation failed, the token is expired.",  # recorded
        Flaw.AUDIENCE: "Access token validation failure. Invalid audience.",  # recorded
    }
    return _unauthenticated(messages.get(flaw, "Access token validation failure."))


def _unauthenticated(message: str) -> GraphError:
    # Recorded: status, code and header.
    headers = {"WWW-Authenticate": CHALLENGE}
    return GraphError(401, "InvalidAuthenticationToken", message, headers=headers)


def missing_role() -> GraphError:
    return GraphError(403, "Forbidden", "The app's token has none of the roles that this needs.")


def user_not_found() -> GraphError:
    # Recorded for a user principal name, with this empty message; assumed for other ids.
    return GraphError(404, "UnknownError", "")


def no_access_policy(app_id: str) -> GraphError:
    # Recorded. Before 2023 the documentation had the code Unauthorized and another text.
    message = f"No application access policy found for this app {app_id} on the user"
    return GraphError(403, "Forbidden", message)


def unlicensed() -> GraphError:
    return GraphError(403, "Forbidden", "The user has no licence for Microsoft Teams.")


def corrupted_meeting_id() -> GraphError:
    return GraphError(400, "BadRequest", "Meeting Id is corrupted.")  # recorded, without status


def organizer_mismatch(user: str) -> GraphError:
    return GraphError(404, "NotFound", f"Organizer Id mismatch User Id: {user}.")  # recorded


def meeting_not_found() -> GraphError:
    return GraphError(404, "NotFound", "The meeting does not exist.")


def meeting_of_another_user() -> GraphError:
    # Recorded for a search by joinWebUrl in the name of a user who is not the organizer.
    return GraphError(403, "Forbidden", "3003: User does not have access to lookup meeting")


def issuer_unreachable(error: IssuerUnreachableError) -> GraphError:
    return GraphError(503, "ServiceUnavailable", str(error), headers={"Retry-After": "1"})


def no_such_route(status: int, reason: str) -> GraphError:
    """For a path that no route has: Graph is recorded to answer 400 to an unknown segment."""
    if status == HTTPStatus.NOT_FOUND:
        return GraphError(400, "BadRequest", "Resource not found for the segment in the path.")
    return GraphError(status, phrase_code(reason), f"{reason}.")
