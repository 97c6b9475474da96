"""POST /api/groupCalls: share a group call's id with friends, named users or a space.

201, or 200 for one that the caller shares already: title, times and audience are replaced. Only
friends may be named; with the app role `Calls.Manage`, anyone of the realm who has an identity.
`invited` counts the friends or named users who see it; it is 0 for a space. A caller shares at most
100 calls.
"""

from shared.bodies import Query
from shared.bounds import IN_SPACE, INVITEES, SHARED, SHARINGS
from shared.http import Created, Operation, Request
from shared.problems import Conflict, Throttled, TooManyShared
from shared.sharing.contract import GroupCallBody, SharedAnswer


async def share_group_call(
    request: Request[Query, GroupCallBody],
) -> SharedAnswer | Created[SharedAnswer]:
    wanted = request.body
    shared, invited, new = await request.app.group_calls.share(
        request.caller,
        str(wanted.group_id),
        wanted.title,
        wanted.starts_at,
        wanted.ends_at,
        wanted.audience.read(),
    )
    answer = SharedAnswer.for_owner(shared, invited)
    return Created(answer) if new else answer


OPERATION = Operation(
    handler=share_group_call,
    body=GroupCallBody,
    problems=(Conflict, Throttled, TooManyShared),
    limits=(IN_SPACE, INVITEES, SHARED, SHARINGS),
    links={"/groupCalls/{id}": "$response.body#/id", "/invitations/{id}": "$response.body#/id"},
)
