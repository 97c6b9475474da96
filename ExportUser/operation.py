"""GET /api/user/export: export everything that is stored about the caller.

That is: identity, friends, invitations, scheduled meetings, and calls that the caller placed or
made to a bot. Calls of others in which the caller took part are not listed.
"""

from datetime import UTC, datetime

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.bounds import EXPORTS
from shared.http import Operation, Request
from shared.privacy.contract import ExportAnswer


async def export_user(request: Request[Query, Body]) -> ExportAnswer:
    who = request.caller.principal
    held = await request.app.personal_data.export(request.caller)
    return ExportAnswer(id=who.id, realm=who.realm, exported_at=datetime.now(UTC), held=held)


OPERATION = Operation(
    handler=export_user,
    service_role=MEETINGS_SCHEDULE,
    limits=(EXPORTS,),
)
