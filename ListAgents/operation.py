"""GET /api/agents: list the agents of the caller's realm, up to 1,000 at a time."""

from shared.auth.roles import AGENTS_MANAGE
from shared.bodies import Body
from shared.http import Operation, Request
from shared.teams_phone.contract import AgentsAnswer, AgentsQuery


async def list_agents(request: Request[AgentsQuery, Body]) -> AgentsAnswer:
    found = await request.app.agents.list_for(request.caller, request.query.page or "")
    return AgentsAnswer.of(*found)


OPERATION = Operation(handler=list_agents, query=AgentsQuery, role=AGENTS_MANAGE)
