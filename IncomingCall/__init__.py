"""POST /api/incomingCalls; the first request loads `operation`."""

import azure.functions as func

from shared.http import serve_callback


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    from .operation import OPERATION

    return await serve_callback(req, context, OPERATION)
