"""The HTTP edge: admit the caller, read the request, answer JSON or problem+json.

A function that says nothing else is for signed-in users only.
"""

import asyncio
import json
import logging
import math
import re
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.app import App, current
from shared.http.accept import prefers
from shared.http.route_ids import read_id
from shared.identity.contract import Body, Query
from shared.principals import Caller, Kind
from shared.problems import (
    BodyTooLarge,
    Broken,
    Fault,
    Forbidden,
    InvalidRequest,
    Misconfigured,
    NotJson,
    Problem,
    TimedOut,
)
from shared.settings import SettingsError

logger = logging.getLogger(__name__)

# The largest body that any route means is 350 ids of 256 characters, each of up to 6 bytes where a
# client escapes them.
MAX_BODY_BYTES = 640 * 1024
_KEY = re.compile("[!-~]{1,256}")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # What scripts of other origins may read beside the usual.
    "Access-Control-Expose-Headers": "Location, Retry-After, WWW-Authenticate",
}
# Of a request that is wrong in thousands of ways: the answer must not be larger than the question.
_MOST_FAULTS, _MOST_TOLD, _LONGEST_NAME = 20, 3, 64


@dataclass(frozen=True)
class PublicRequest[Q: Query]:
    """A request of anybody at all."""

    query: Q
    route: dict[str, str]

    @property
    def app(self) -> App:
        """Only what is used is built: an app with wrong settings is alive, though not ready."""
        return current()


@dataclass(frozen=True)
class Request[Q: Query, B: Body]:
    """A request of a caller who is signed in and admitted."""

    app: App
    caller: Caller
    query: Q
    body: B
    route: dict[str, str]
    headers: Mapping[str, str]

    def route_id(self, name: str) -> str:
        """An id in the path, written plainly or as `~` and base64url of its UTF-8."""
        return read_id(self.route.get(name, ""), name)

    @property
    def idempotency_key(self) -> str:
        """What the client calls this request, so that a repetition has its effect once.

        Raises:
            InvalidRequest: the header is missing, or no name.
        """
        name = "Idempotency-Key"
        value = self.headers.get(name.lower(), "")
        if not _KEY.fullmatch(value):
            message = "has to name this request, in 1 to 256 visible ASCII characters"
            raise InvalidRequest(f"{name} {message}.", faults=[Fault("header", name, message)])
        return value

    def prefers(self, media_type: str) -> bool:
        """Would the client rather have this than JSON, which it gets where it does not care?"""
        return prefers(self.headers.get("accept", ""), media_type)


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


async def serve[Q: Query, B: Body](
    req: func.HttpRequest,
    context: func.Context,
    handler: Callable[[Request[Q, B]], Awaitable[Result]],
    *,
    query: type[Q] = Query,  # type: ignore[assignment]
    body: type[B] = Body,  # type: ignore[assignment]
    role: str | None = None,
    service_role: str | None = None,
) -> func.HttpResponse:
    """Answer a request of a signed-in user.

    Args:
        query: what the query string may hold; by default nothing.
        body: what the body may hold; by default nothing. No body is read as `{}`.
        role: only callers with this app role are let in, people and apps.
        service_role: app-only callers with this app role are let in too; by default none are.
    """

    async def admitted() -> Result:
        app = current()
        async with asyncio.timeout(app.settings.upstream_timeout):
            caller = await app.authenticator.authenticate(req.headers)
            _admit(caller, role, service_role)
            read_query, read_body = _read(req, query, body)
            route = dict(req.route_params)
            return await handler(Request(app, caller, read_query, read_body, route, req.headers))

    return await answer(req, context, admitted)


async def serve_public[Q: Query](
    req: func.HttpRequest,
    context: func.Context,
    handler: Callable[[PublicRequest[Q]], Awaitable[Result]],
    *,
    query: type[Q] = Query,  # type: ignore[assignment]
) -> func.HttpResponse:
    """Answer anybody. The handler learns nothing about who is asking, and bounds its own time."""

    async def anybody() -> Result:
        read_query, _ = _read(req, query, Body)
        return await handler(PublicRequest(read_query, dict(req.route_params)))

    return await answer(req, context, anybody)


def _admit(caller: Caller, role: str | None, service_role: str | None) -> None:
    needed = role
    if role is None and caller.principal.kind is Kind.SERVICE:
        needed = service_role
        if needed is None:
            raise Forbidden("This is for signed-in users; the token is an app's own.")
    if needed is not None and needed not in caller.roles:
        raise Forbidden(f"This needs the app role {needed}.")


def _read[Q: Query, B: Body](req: func.HttpRequest, query: type[Q], body: type[B]) -> tuple[Q, B]:
    """Both parts of the request.

    Raises:
        InvalidRequest: with every fault of both.
        BodyTooLarge, NotJson: the body was not read.
    """
    faults: list[Fault] = []
    raw = req.get_body() or b""
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body is over {MAX_BODY_BYTES} bytes.")
    media_type = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and media_type != "application/json":
        raise NotJson
    read_query = _validated(lambda: query.model_validate(dict(req.params)), "query", faults)
    read_body = _validated(lambda: body.model_validate_json(raw or b"{}"), "body", faults)
    if read_query is None or read_body is None:
        told = [f"{f.where} {f.field}".strip() + f": {f.message}" for f in faults[:_MOST_TOLD]]
        raise InvalidRequest("; ".join(told), faults=faults)
    return read_query, read_body


def _validated[T](validate: Callable[[], T], where: str, faults: list[Fault]) -> T | None:
    try:
        return validate()
    except ValidationError as error:
        listed = error.errors(include_url=False, include_input=False, include_context=False)
        for found in listed:
            name = ".".join(str(part) for part in found["loc"])[:_LONGEST_NAME]
            unknown = found["type"] == "extra_forbidden"
            message = found["msg"].removeprefix("Value error, ")  # pydantic's word for ours
            faults.append(Fault(where, name, "is unknown here" if unknown else message))
        return None


async def answer(
    req: func.HttpRequest,
    context: func.Context,
    handle: Callable[[], Awaitable[Result]],
) -> func.HttpResponse:
    """Run the handler; every way out is an answer and one line in the log."""
    began = time.monotonic()
    outcome = "ok"
    try:
        response = _success(await handle())
    except Problem as problem:
        outcome, response = problem.code, _problem(problem, context)
    except TimeoutError:
        outcome, response = TimedOut.code, _problem(TimedOut(), context)
    except SettingsError as error:
        logger.error("settings are wrong: %s", error)
        names = ", ".join(error.faults)
        misconfigured = Misconfigured(f"Wrong or missing settings: {names}.")
        outcome, response = misconfigured.code, _problem(misconfigured, context)
    except Exception as error:
        logger.error("unexpected %s at %s", type(error).__name__, _where(error))
        outcome, response = Broken.code, _problem(Broken(), context)
    logger.info(
        "%s %s: %d %s in %d ms, invocation %s",
        req.method,
        context.function_name,
        response.status_code,
        outcome,
        (time.monotonic() - began) * 1000,
        context.invocation_id,
    )
    return response


def _success(result: Result) -> func.HttpResponse:
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


def _problem(problem: Problem, context: func.Context) -> func.HttpResponse:
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


def _where(error: BaseException) -> str:
    """The code path of an exception without its text, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " < ".join(
        f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames)
    )
