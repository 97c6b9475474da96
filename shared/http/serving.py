"""Serves a request: admits the caller, runs the handler, and turns every outcome into an answer.

By default a function is for signed-in users only.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from shared.http.answers import Result, problem_answer, success, without_body
from shared.http.operations import OneOrAll, Operation, PublicOneOrAll, PublicOperation
from shared.http.requests import PublicRequest, Request, read_query, read_request
from shared.http.worker import current
from shared.principals import Caller, Kind
from shared.problems import Forbidden, InternalError, Misconfigured, Problem
from shared.settings_reader import SettingsError
from shared.unavailable import TimedOut

logger = logging.getLogger(__name__)


async def serve(
    req: func.HttpRequest,
    context: func.Context,
    declared: Operation[Any, Any] | OneOrAll,
) -> func.HttpResponse:
    """Answer a request of a signed-in user, or of an app that its operation admits."""
    route = dict(req.route_params)
    operation = declared.chosen(route) if isinstance(declared, OneOrAll) else declared

    async def admit_and_handle() -> Result:
        app = current()
        async with asyncio.timeout(app.settings.upstream.timeout):
            caller = await app.authenticator.authenticate(req.headers)
            _admit(caller, operation.role, operation.service_role)
            contents = read_request(req, operation.query, operation.body)
            return await operation.handler(Request(app, caller, *contents, route, req.headers))

    return await answer(req, context, admit_and_handle)


async def serve_public(
    req: func.HttpRequest,
    context: func.Context,
    declared: PublicOperation[Any] | PublicOneOrAll,
) -> func.HttpResponse:
    """Answer a request that needs no sign-in. The handler sets its own time limit.

    The body is not read: anybody could send a large one.
    """
    route = dict(req.route_params)
    operation = declared.chosen(route) if isinstance(declared, PublicOneOrAll) else declared

    async def read_and_handle() -> Result:
        query = read_query(req, operation.query)
        return await operation.handler(PublicRequest(query, route, req.headers))

    return await answer(req, context, read_and_handle)


def _admit(caller: Caller, role: str | None, service_role: str | None) -> None:
    needed_role = role
    if role is None and caller.principal.kind is Kind.SERVICE:
        needed_role = service_role
        if needed_role is None:
            raise Forbidden("This is for signed-in users; the token is an app's own.")
    if needed_role is not None and needed_role not in caller.roles:
        raise Forbidden(f"This needs the app role {needed_role}.")


async def answer(
    req: func.HttpRequest,
    context: func.Context,
    handle: Callable[[], Awaitable[Result]],
) -> func.HttpResponse:
    """Run the handler. Every outcome, exceptions too, gives one answer and one line in the log."""
    began = time.monotonic()
    outcome = "ok"
    try:
        response = success(await handle())
    except Problem as problem:
        outcome, response = problem.code, problem_answer(problem, context)
    except TimeoutError:
        outcome, response = TimedOut.code, problem_answer(TimedOut(), context)
    except SettingsError as error:
        logger.error("settings are wrong: %s", error)
        names = ", ".join(error.faults)
        misconfigured = Misconfigured(f"Wrong or missing settings: {names}.")
        outcome, response = misconfigured.code, problem_answer(misconfigured, context)
    except Exception as error:
        logger.error("unexpected %s at %s", type(error).__name__, code_path(error))
        outcome, response = InternalError.code, problem_answer(InternalError(), context)
    if req.method == "HEAD":
        response = without_body(response)
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


def code_path(error: BaseException) -> str:
    """Where an exception was raised; without its text, which may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " < ".join(
        f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames)
    )
