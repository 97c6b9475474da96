"""POST /api/calls/{callId}/recording; the first request loads `operation`."""

import azure.functions as func

from shared.http import serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    from .operation import OPERATION

    return await serve(req, context, OPERATION)
