"""GET|HEAD /api/health/{probe?}: is the app alive? With `ready`: does what it needs work?"""

from shared.bodies import Query
from shared.http import PublicOneOrAll, PublicOperation, PublicRequest
from shared.operate.contract import HealthAnswer
from shared.operate.health import KEPT_SECONDS
from shared.problems import NotFound
from shared.unavailable import Unavailable


async def is_alive(_request: PublicRequest[Query]) -> HealthAnswer:
    """Say that the process lives."""
    return HealthAnswer()


async def is_ready(request: PublicRequest[Query]) -> HealthAnswer:
    """Say whether what the service needs works.

    503 names what is down: `storage`, `communication`, `issuer 1`... (only if no issuer works).
    """
    if request.route["probe"] != "ready":
        raise NotFound
    if down := await request.app.health.down():
        raise Unavailable(f"Down: {', '.join(down)}.", retry_after=KEPT_SECONDS)
    return HealthAnswer()


OPERATION = PublicOneOrAll(
    segment="probe",
    one=PublicOperation(handler=is_ready, problems=(NotFound, Unavailable)),
    all=PublicOperation(handler=is_alive),
)
