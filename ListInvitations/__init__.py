"""GET /api/invitations: list the calls that the caller shares or may join, or those of a space."""

import azure.functions as func

from shared.bodies import Body
from shared.http import Request, serve
from shared.sharing.contract import InvitationsAnswer, InvitationsQuery


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, list_invitations, query=InvitationsQuery)


async def list_invitations(request: Request[InvitationsQuery, Body]) -> InvitationsAnswer:
    found = await request.app.invitations.list_for(request.caller, request.query.space)
    return InvitationsAnswer.of(found)
