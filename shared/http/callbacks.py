"""The HTTP edge for the callbacks of other services; `shared.http.serving` is for clients."""

import asyncio

import azure.functions as func

from shared.http.answers import Result
from shared.http.operations import CallbackOperation
from shared.http.requests import MAX_CALLBACK_BYTES, Callback, read_raw_body
from shared.http.serving import answer
from shared.http.worker import current
from shared.unavailable import TimedOut, Unavailable, Undelivered


async def serve_callback(
    req: func.HttpRequest, context: func.Context, operation: CallbackOperation
) -> func.HttpResponse:
    """Answer a callback of a service. Its sender is verified before anything else is read."""

    async def verify_and_handle() -> Result:
        app = current()
        async with asyncio.timeout(app.settings.upstream.timeout):
            await operation.sender.verifier(app).verify(req.headers)
            body = read_raw_body(req, MAX_CALLBACK_BYTES)
            return await operation.handler(Callback(app, dict(req.route_params), body))

    async def handle_or_ask_for_redelivery() -> Result:
        try:
            return await verify_and_handle()
        except (Unavailable, TimeoutError) as trouble:
            if not operation.is_urgent:
                raise
            detail = trouble.detail if isinstance(trouble, Unavailable) else TimedOut.title
            raise Undelivered(detail) from trouble

    return await answer(req, context, handle_or_ask_for_redelivery)
