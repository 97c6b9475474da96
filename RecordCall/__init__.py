"""POST /api/calls/{callId}/recording, as Azure calls it.

The contract is in operation.py. The first request loads it, so that a host starts sooner.
"""

import azure.functions as func

from shared.http import serve


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    from .operation import OPERATION

    return await serve(req, context, OPERATION)
