"""DELETE /api/user: erase the caller's identity, and everything that is stored about the caller.

In ACS too. Repeat it until it answers 204. Bearer tokens issued before are refused from then on;
a person who signs in again later is a new person.
"""

from shared.auth.roles import MEETINGS_SCHEDULE
from shared.bodies import Body, Query
from shared.bounds import ERASURES
from shared.http import Operation, Request
from shared.problems import CallRefused, Conflict, Throttled
from shared.unavailable import CommunicationUnavailable, GraphUnavailable


async def forget_user(request: Request[Query, Body]) -> None:
    await request.app.personal_data.erase(request.caller)


OPERATION = Operation(
    handler=forget_user,
    service_role=MEETINGS_SCHEDULE,
    problems=(CallRefused, CommunicationUnavailable, Conflict, GraphUnavailable, Throttled),
    limits=(ERASURES,),
)
