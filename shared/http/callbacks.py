"""The HTTP edge for services that call us back; the rest is `shared.http.serving`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import azure.functions as func

from shared.app import App
from shared.http.answers import Result
from shared.http.requests import read_raw_body
from shared.http.serving import answer
from shared.http.worker import current
from shared.problems import TimedOut, Unavailable, Undelivered

if TYPE_CHECKING:  # what proves them is loaded with the first callback
    from shared.auth.webhooks import Sender


@dataclass(frozen=True)
class Callback:
    """A request that a service has proven to have sent; what it says is still a stranger's word."""

    app: App
    route: dict[str, str]
    body: bytes


async def serve_callback(
    req: func.HttpRequest,
    context: func.Context,
    handler: Callable[[Callback], Awaitable[Result]],
    *,
    sender: "Callable[[App], Sender]",
    is_urgent: bool = False,
) -> func.HttpResponse:
    """Answer a service, whose proof is judged before anything else is looked at.

    Args:
        is_urgent: what cannot be dealt with has to be delivered again soon: see `Undelivered`.
    """

    async def proven() -> Result:
        try:
            return await dealt_with()
        except (Unavailable, TimeoutError) as trouble:
            if not is_urgent:
                raise
            detail = trouble.detail if isinstance(trouble, Unavailable) else TimedOut.title
            raise Undelivered(detail) from trouble

    async def dealt_with() -> Result:
        app = current()
        async with asyncio.timeout(app.settings.upstream.timeout):
            await sender(app).prove(req.headers)
            body = read_raw_body(req)
            return await handler(Callback(app, dict(req.route_params), body))

    return await answer(req, context, proven)
