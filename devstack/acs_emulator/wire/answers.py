"""Answers in the form of the service, and every error that it is known to answer.

The texts are recorded from the real service, except where a comment says that they are assumed.
"""

import json

from aiohttp import web
from pydantic import JsonValue

from devstack.emulation.bearer import IssuerUnreachableError
from devstack.emulation.faults import error_phrase


class AcsError(Exception):
    """An answer other than success.

    Args:
        status: the HTTP status.
        code, message, target: what the error body says.
        headers: more than the usual ones, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.headers = headers or {}

    def answer(self) -> web.Response:
        body = error_body(self.code, self.message, self.target)
        return web.Response(
            status=self.status,
            body=_as_dotnet_writes(body),
            headers={**self.headers, "Content-Type": "application/json"},
        )


def json_answer(status: int, body: JsonValue) -> web.Response:
    return web.Response(
        status=status,
        body=_as_dotnet_writes(body),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )


def error_body(code: str, message: str, target: str | None = None) -> dict[str, JsonValue]:
    error: dict[str, JsonValue] = {"code": code, "message": message}
    if target is not None:
        error["target"] = target
    return {"error": error}


def fault_body(status: int) -> JsonValue:
    """The error body of a fault that gives none. [assumed]"""
    return error_body(*error_phrase(status))


def _as_dotnet_writes(body: JsonValue) -> bytes:
    # System.Text.Json escapes the plus in the offset of expiresOn. A client that does not parse the
    # JSON would see the escape, so it is here too.
    return json.dumps(body, separators=(",", ":")).replace("+", "\\u002B").encode("ascii")


def validation_error(message: str, target: str | None = None) -> AcsError:
    return AcsError(400, "ValidationError", message, target=target)


def denied(message: str = "Denied by the resource provider.") -> AcsError:
    return AcsError(401, "Denied", message)


def identity_not_owned() -> AcsError:
    message = "Provided identity doesn't belong to the resource."
    return AcsError(401, "IdentityNotOwned", message)


def identity_not_found() -> AcsError:
    # The message is reported by users; [assumed] are status and code.
    return AcsError(404, "IdentityNotFound", "Provided identity doesn't exist.")


def invalid_access_token() -> AcsError:
    return AcsError(401, "InvalidAccessToken", "Provided access token is not valid.")


def too_many_requests(retry_after_seconds: int) -> AcsError:
    # Status and header are documented, code and message are [assumed].
    return AcsError(
        429,
        "TooManyRequests",
        "The limit of requests for this operation was reached.",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def unsupported_media_type() -> AcsError:
    # [assumed] ASP.NET's usual answer.
    message = "The request's content type must be application/json."
    return AcsError(415, "UnsupportedMediaType", message)


def issuer_unreachable(error: IssuerUnreachableError) -> AcsError:
    return AcsError(503, "ServiceUnavailable", str(error), headers={"Retry-After": "1"})
