"""What handlers return, and how it becomes an answer: JSON, or problem+json (RFC 9457)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple, NotRequired, TypedDict

import azure.functions as func

from shared.bodies import Answer
from shared.problems import Fault, Problem

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Headers that scripts of other origins may read besides the usual ones.
    "Access-Control-Expose-Headers": "Location, Retry-After, WWW-Authenticate",
}
# Limits how many faults an answer lists, so that a large bad request cannot cause a larger answer.
_MOST_FAULTS = 20


class Created[B: Answer](NamedTuple):
    """An answer with status 201, and with the `path` of its body, if it has one, as `Location`."""

    body: B


class Accepted[B: Answer](NamedTuple):
    """An answer with status 202: the work has begun and is not finished."""

    body: B


@dataclass(frozen=True)
class Document:
    """An answer that is not JSON, or that was JSON before. Subclasses say of what kind they are.

    Attributes:
        headers: instead of the usual ones, or besides them.
    """

    text: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    mimetype: ClassVar[str]
    is_versioned: ClassVar[bool] = False  # with an ETag, by which the client may ask again


class NotModified(NamedTuple):
    """An answer with status 304: the client has this already. The headers are those of the 200."""

    headers: Mapping[str, str]


# What a handler returns; None means 204.
type Result = Answer | Created[Any] | Accepted[Any] | Document | NotModified | None


def success(result: Result) -> func.HttpResponse:
    match result:
        case None:
            return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=_HEADERS)
        case Created(body):
            headers = {"Location": body.path} if body.path else {}
            text = body.model_dump_json(by_alias=True)
            return _json(HTTPStatus.CREATED, text, headers=headers)
        case Accepted(body):
            return _json(HTTPStatus.ACCEPTED, body.model_dump_json(by_alias=True))
        case Document(content, more):
            return _json(HTTPStatus.OK, content, result.mimetype, more)
        case NotModified(more):
            merged = {**_HEADERS, **more}
            return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=merged)
        case _:
            return _json(HTTPStatus.OK, result.model_dump_json(by_alias=True))


def without_body(response: func.HttpResponse) -> func.HttpResponse:
    """The answer to a HEAD request: that to a GET, without its body."""
    return func.HttpResponse(
        status_code=response.status_code,
        mimetype=response.mimetype,
        headers=dict(response.headers),
    )


# One thing that is wrong with the request.
FaultDocument = TypedDict("FaultDocument", {"in": str, "field": str, "message": str})


class ProblemDocument(TypedDict):
    """Why a request was refused or failed (RFC 9457); `errors` lists what is wrong with it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str
    errors: NotRequired[list[FaultDocument]]


def problem_answer(problem: Problem, context: func.Context) -> func.HttpResponse:
    document: ProblemDocument = {
        "type": f"urn:trusted-service:problem:{problem.code}",
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail,
        "instance": context.invocation_id,
        "code": problem.code,
        "message": problem.detail,  # the field that clients of Microsoft's samples read
    }
    if problem.faults:
        document["errors"] = [
            {"in": fault.where, "field": fault.field, "message": fault.message}
            for fault in _listed(problem.faults)
        ]
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after)))
    if problem.www_authenticate:
        headers["WWW-Authenticate"] = problem.www_authenticate
    return _json(problem.status, json.dumps(document), "application/problem+json", headers)


def _listed(faults: Sequence[Fault]) -> list[Fault]:
    """The first faults, and one entry that counts the others."""
    omitted = len(faults) - _MOST_FAULTS
    rest = [Fault(faults[-1].where, "", f"{omitted} more faults")] if omitted > 0 else []
    return [*faults[:_MOST_FAULTS], *rest]


def _json(
    status: HTTPStatus,
    text: str | bytes,
    mimetype: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    return func.HttpResponse(
        text,
        status_code=status,
        mimetype=mimetype,
        headers={**_HEADERS, **(headers or {})},
    )
