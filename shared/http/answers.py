"""What handlers give back, and how it is written: JSON, or problem+json (RFC 9457)."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from shared.problems import Fault, Problem

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # What scripts of other origins may read beside the usual.
    "Access-Control-Expose-Headers": "Location, Retry-After, WWW-Authenticate",
}
# Limits how many faults an answer lists, so that a large bad request cannot cause a larger answer.
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Created:
    """An answer with status 201; `location` is the path of what was created, where it has one."""

    body: BaseModel
    location: str = ""


@dataclass(frozen=True)
class Accepted:
    """An answer with status 202: what was asked for has begun."""

    body: BaseModel


@dataclass(frozen=True)
class Document:
    """An answer that is not JSON."""

    text: str
    mimetype: str


# What a handler gives back: None is 204.
type Result = BaseModel | Created | Accepted | Document | None


def success(result: Result) -> func.HttpResponse:
    match result:
        case None:
            return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=_HEADERS)
        case Created(body, location):
            headers = {"Location": location} if location else {}
            text = body.model_dump_json(by_alias=True)
            return _json(HTTPStatus.CREATED, text, headers=headers)
        case Accepted(body):
            return _json(HTTPStatus.ACCEPTED, body.model_dump_json(by_alias=True))
        case Document(text, mimetype):
            return _json(HTTPStatus.OK, text, mimetype)
        case _:
            return _json(HTTPStatus.OK, result.model_dump_json(by_alias=True))


def problem_answer(problem: Problem, context: func.Context) -> func.HttpResponse:
    document: dict[str, Any] = {
        "type": f"urn:trusted-service:problem:{problem.code}",
        "title": problem.title,
        "status": int(problem.status),
        "detail": problem.detail,
        "instance": context.invocation_id,
        "code": problem.code,
        "message": problem.detail,  # where clients of Microsoft's samples look
    }
    if problem.faults:
        document["errors"] = [
            {"in": fault.where, "field": fault.field, "message": fault.message}
            for fault in _most(problem.faults)
        ]
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after)))
    if problem.www_authenticate:
        headers["WWW-Authenticate"] = problem.www_authenticate
    return _json(problem.status, json.dumps(document), "application/problem+json", headers)


def _most(faults: Sequence[Fault]) -> list[Fault]:
    left = len(faults) - _MOST_FAULTS
    more = [Fault(faults[-1].where, "", f"{left} more faults")] if left > 0 else []
    return [*faults[:_MOST_FAULTS], *more]


def _json(
    status: HTTPStatus,
    text: str,
    mimetype: str = "application/json",
    headers: dict[str, str] | None = None,
) -> func.HttpResponse:
    return func.HttpResponse(
        text,
        status_code=status,
        mimetype=mimetype,
        headers={**_HEADERS, **(headers or {})},
    )
