"""GET /api/user/export: everything stored about the caller."""

from datetime import UTC, datetime

import azure.functions as func

from shared.http.serving import Request, serve
from shared.identity.contract import Body, ExportAnswer, Query


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, export_user)


async def export_user(request: Request[Query, Body]) -> ExportAnswer:
    who = request.caller.principal
    held = await request.app.people.export(request.caller)
    return ExportAnswer(id=who.id, realm=who.realm, exported_at=datetime.now(UTC), held=held)
