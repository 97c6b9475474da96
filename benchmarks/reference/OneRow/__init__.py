"""GET /api/row?owner=&friend=: one row of a buddy list. It verifies nobody."""

import json

import azure.functions as func

from benchmarks.reference import services


async def main(req: func.HttpRequest) -> func.HttpResponse:
    row = await services.read_row("friends", req.params["owner"], req.params["friend"])
    answer = {"id": row["friendId"], "communicationUserId": row["theirsUserId"]}
    return func.HttpResponse(json.dumps(answer), mimetype="application/json")
