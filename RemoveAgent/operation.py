"""DELETE /api/agents/{objectId}: remove an agent.

If there is no such agent in the caller's realm, nothing happens.
"""

from shared.auth.roles import AGENTS_MANAGE
from shared.bodies import Body, Query
from shared.bounds import AGENT_CHANGES
from shared.http import Operation, Request
from shared.problems import AssignmentRefused, Conflict, Throttled
from shared.unavailable import CommunicationUnavailable


async def remove_agent(request: Request[Query, Body]) -> None:
    await request.app.agents.remove(request.caller, request.route_id("objectId"))


OPERATION = Operation(
    handler=remove_agent,
    role=AGENTS_MANAGE,
    problems=(AssignmentRefused, CommunicationUnavailable, Conflict, Throttled),
    limits=(AGENT_CHANGES,),
)
