"""GET|HEAD /api/health/{probe?}: is the app alive? With `ready`: does what it needs work?"""

import azure.functions as func

from shared.bodies import Query
from shared.http import PublicRequest, serve_public
from shared.operate.contract import HealthAnswer
from shared.operate.health import KEPT_SECONDS
from shared.problems import NotFound, Unavailable


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve_public(req, context, health)


async def health(request: PublicRequest[Query]) -> HealthAnswer:
    match request.route.get("probe"):
        case None:
            return HealthAnswer()
        case "ready":
            if down := await request.app.health.down():
                raise Unavailable(f"Down: {', '.join(down)}.", retry_after=KEPT_SECONDS)
            return HealthAnswer()
        case _:
            raise NotFound
