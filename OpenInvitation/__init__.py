"""GET /api/invitations/{id}: show how to join one shared call, as JSON or as a calendar file."""

import azure.functions as func

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.http import Document, Request, serve
from shared.sharing.contract import InvitationAnswer


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve(req, context, open_invitation, service_role=MEETINGS_SCHEDULE)


async def open_invitation(request: Request[Query, Body]) -> InvitationAnswer | Document:
    shared = await request.app.invitations.open(request.caller, request.own_route_id("id"))
    if request.prefers("text/calendar"):
        # Imported here, because its library would slow every cold start down.
        from shared.sharing.calendar_files import calendar_file

        return Document(calendar_file(shared), "text/calendar")
    return InvitationAnswer.of(shared)
