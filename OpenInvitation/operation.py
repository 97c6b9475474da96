"""GET /api/invitations/{id}: show how to join one shared call, as JSON or as a calendar file.

`locator`, and each of `alternatives`, is what the Calling SDK's `join` takes. An app may open only
what it shares itself. In a calendar file a call without an end lasts an hour.
"""

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.http import Document, Operation, Request
from shared.problems import NotFound
from shared.sharing.contract import InvitationAnswer


class CalendarFile(Document):
    mimetype = "text/calendar"


async def open_invitation(request: Request[Query, Body]) -> InvitationAnswer | CalendarFile:
    shared = await request.app.invitations.open(request.caller, request.own_route_id("id"))
    if request.prefers(CalendarFile.mimetype):
        # Imported here, because its library would slow every cold start down.
        from shared.sharing.calendar_files import calendar_file

        return CalendarFile(calendar_file(shared))
    return InvitationAnswer.of(shared)


OPERATION = Operation(handler=open_invitation, service_role=MEETINGS_SCHEDULE, problems=(NotFound,))
