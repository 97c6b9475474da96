"""The HTTP edge for the callbacks of other services; `shared.http.serving` is for clients."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import azure.functions as func

from shared.app import App
from shared.http.answers import Result
from shared.http.requests import MAX_CALLBACK_BYTES, read_raw_body
from shared.http.serving import answer
from shared.http.worker import current
from shared.problems import TimedOut, Unavailable, Undelivered

if TYPE_CHECKING:  # the verifiers are loaded with the first callback
    from shared.auth.webhooks import SenderVerifier


@dataclass(frozen=True)
class Callback:
    """A request whose sender is verified. No proof covers the body: read it as untrusted input."""

    app: App
    route: dict[str, str]
    body: bytes


async def serve_callback(
    req: func.HttpRequest,
    context: func.Context,
    handler: Callable[[Callback], Awaitable[Result]],
    *,
    verifier: "Callable[[App], SenderVerifier]",
    is_urgent: bool = False,
) -> func.HttpResponse:
    """Answer a callback of a service. Its sender is verified before anything else is read.

    Args:
        verifier: knows the one service that may send this callback.
        is_urgent: whether a callback that cannot be handled now is answered with `Undelivered`,
            so that it is delivered again soon.
    """

    async def verify_and_handle() -> Result:
        app = current()
        async with asyncio.timeout(app.settings.upstream.timeout):
            await verifier(app).verify(req.headers)
            body = read_raw_body(req, MAX_CALLBACK_BYTES)
            return await handler(Callback(app, dict(req.route_params), body))

    async def handle_or_ask_for_redelivery() -> Result:
        try:
            return await verify_and_handle()
        except (Unavailable, TimeoutError) as trouble:
            if not is_urgent:
                raise
            detail = trouble.detail if isinstance(trouble, Unavailable) else TimedOut.title
            raise Undelivered(detail) from trouble

    return await answer(req, context, handle_or_ask_for_redelivery)
