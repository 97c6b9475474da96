"""PUT /api/agents/{objectId}: let a Teams user take calls of Teams resource accounts.

201 for a new agent, 200 for a known one. An agent belongs to the caller's realm: callers of that
realm may invite the agent to calls.
"""

from shared.auth.roles import AGENTS_MANAGE
from shared.bodies import Query
from shared.bounds import AGENT_CHANGES, AGENTS
from shared.http import Created, Operation, Request
from shared.problems import AssignmentRefused, Conflict, NotConfigured, Throttled, TooManyAgents
from shared.teams_phone.contract import AgentAnswer, AgentBody
from shared.unavailable import CommunicationUnavailable


async def add_agent(request: Request[Query, AgentBody]) -> AgentAnswer | Created[AgentAnswer]:
    object_id, tenant = request.route_id("objectId"), request.body.tenant
    agent, new = await request.app.agents.add(request.caller, object_id, tenant)
    answer = AgentAnswer.of(agent)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=add_agent,
    body=AgentBody,
    role=AGENTS_MANAGE,
    problems=(
        AssignmentRefused,
        CommunicationUnavailable,
        Conflict,
        NotConfigured,
        Throttled,
        TooManyAgents,
    ),
    limits=(AGENT_CHANGES, AGENTS),
    links={"/agents/{objectId}": "$request.path.objectId"},
)
