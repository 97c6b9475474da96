"""GET /api/invitations: list the calls that the caller shares or may join, or those of a space.

Soonest first, at most 1,000. Open one to learn how to join.
"""

from shared.bodies import Body
from shared.bounds import LISTINGS
from shared.http import Operation, Request
from shared.problems import Throttled
from shared.sharing.contract import InvitationsAnswer, InvitationsQuery


async def list_invitations(request: Request[InvitationsQuery, Body]) -> InvitationsAnswer:
    found = await request.app.invitations.list_for(request.caller, request.query.space)
    return InvitationsAnswer.of(found)


OPERATION = Operation(
    handler=list_invitations,
    query=InvitationsQuery,
    problems=(Throttled,),
    limits=(LISTINGS,),
    links={"/invitations/{id}": "$response.body#/invitations/0/id"},
)
