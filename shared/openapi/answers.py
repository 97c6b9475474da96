"""What an operation answers: by the annotation of its handler, and by the problems that it has."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from shared.bodies import Answer
from shared.http import Accepted, Created, Document, NotModified
from shared.http.answers import ProblemDocument
from shared.openapi.functions import AnyOperation
from shared.openapi.schemas import name_of
from shared.problems import Problem
from shared.unavailable import Unavailable

_REF = "#/components/schemas/"
# Where problems are declared.
_DECLARED = {Problem.__module__, Unavailable.__module__}
_RETRY = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}

HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Location": {
        "description": "The path of what was created: relative to the origin, so it begins with"
        " `/api/`.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The challenge of RFC 6750.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Names this version, for `If-None-Match`.",
        "schema": {"type": "string"},
    },
}


def answer_types(operation: AnyOperation) -> list[Any]:
    """What the handler may return, as it is annotated."""
    returned = get_type_hints(operation.handler)["return"]
    is_union = get_origin(returned) in (Union, UnionType)
    return list(get_args(returned)) if is_union else [returned]


def json_types(operation: AnyOperation) -> list[type[Answer]]:
    """The answers that are JSON of a contract."""
    return [kind for _, kind in _by_status(operation) if issubclass(kind, Answer)]


def problems_of(operation: AnyOperation) -> dict[HTTPStatus, dict[str, str]]:
    """By status, the title of each problem that the operation has, by its code."""
    found = defaultdict[HTTPStatus, dict[str, str]](dict)
    refused = (limit.problem for limit in getattr(operation, "limits", ()))
    for listed in (*operation.implied, *operation.problems, *refused):
        for kind in _kinds(listed):
            found[kind.status][kind.code] = kind.title
    return {status: dict(sorted(found[status].items())) for status in sorted(found)}


def responses(
    operation: AnyOperation, example: object, *, has_body: bool
) -> dict[str, dict[str, Any]]:
    """What the operation answers, by status.

    Args:
        example: of an answer in JSON; None if there is none.
        has_body: False for HEAD.
    """
    found: dict[str, dict[str, Any]] = {}
    for status, kind in _by_status(operation):
        answer = found.setdefault(str(status.value), {"description": status.phrase})
        headers = _headers(status, kind)
        if headers:
            answer["headers"] = {name: _ref("headers", name) for name in headers}
        if has_body and kind is not NoneType and kind is not NotModified:
            _add_content(answer, kind, example)
    for status, problems in problems_of(operation).items():
        found[str(status.value)] = (
            _ref("responses", response_name(problems))
            if has_body
            else {"description": _problem(status, problems)["description"]}
        )
    return found


def response_name(problems: Mapping[str, str]) -> str:
    """What operations with the same problems of a status share."""
    return ".".join(problems)


def shared_responses(found: Iterable[AnyOperation]) -> dict[str, dict[str, Any]]:
    """What `responses` refers to."""
    shared = {
        response_name(problems): _problem(status, problems)
        for operation in found
        for status, problems in problems_of(operation).items()
    }
    return dict(sorted(shared.items()))


def _by_status(operation: AnyOperation) -> Iterator[tuple[HTTPStatus, type]]:
    for returned in answer_types(operation):
        origin = get_origin(returned)
        if origin is Created:
            yield HTTPStatus.CREATED, get_args(returned)[0]
        elif origin is Accepted:
            yield HTTPStatus.ACCEPTED, get_args(returned)[0]
        elif returned is NotModified:
            yield HTTPStatus.NOT_MODIFIED, returned
        elif returned is NoneType:
            yield HTTPStatus.NO_CONTENT, returned
        else:
            yield HTTPStatus.OK, returned


def _headers(status: HTTPStatus, kind: type) -> list[str]:
    if status is HTTPStatus.CREATED and kind.path is not Answer.path:  # type: ignore[attr-defined]
        return ["Location"]
    is_versioned = issubclass(kind, Document) and kind.is_versioned
    return ["ETag"] if is_versioned or kind is NotModified else []


def _add_content(answer: dict[str, Any], kind: type, example: object) -> None:
    content = answer.setdefault("content", {})
    if issubclass(kind, Document):
        schema_type = "object" if kind.mimetype == "application/json" else "string"
        content[kind.mimetype] = {"schema": {"type": schema_type}}
        return
    schema = {"$ref": _REF + name_of(kind)}
    known = content.get("application/json")
    if known is None:
        content["application/json"] = {"schema": schema}
        if example is not None:
            content["application/json"]["example"] = example
    else:
        options = known["schema"].get("anyOf", [known["schema"]])
        known["schema"] = {"anyOf": [*options, schema]}


def _problem(status: HTTPStatus, problems: Mapping[str, str]) -> dict[str, Any]:
    described = "\n".join(f"* `{code}`: {title}" for code, title in problems.items())
    answer: dict[str, Any] = {"description": described}
    if status in _RETRY:
        answer["headers"] = {"Retry-After": _ref("headers", "Retry-After")}
    if status is HTTPStatus.UNAUTHORIZED:
        answer["headers"] = {"WWW-Authenticate": _ref("headers", "WWW-Authenticate")}
    codes = {"required": ["code"], "properties": {"code": {"enum": list(problems)}}}
    schema = {"allOf": [{"$ref": _REF + name_of(ProblemDocument)}, {"type": "object", **codes}]}
    answer["content"] = {"application/problem+json": {"schema": schema}}
    return answer


def _kinds(problem: type[Problem]) -> Iterator[type[Problem]]:
    """A problem and its kinds: for storage, say, all that fails with it. `Unavailable` is the base
    of all that may fail, so it stands for itself."""
    yield problem
    if problem is not Unavailable:
        for kind in problem.__subclasses__():
            if kind.__module__ in _DECLARED:
                yield from _kinds(kind)


def _ref(group: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{group}/{name}"}
