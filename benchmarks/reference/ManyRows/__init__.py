"""GET /api/rows?owner=: the rows of a buddy list, by one query. It verifies nobody."""

import json

import azure.functions as func

from benchmarks.reference import services

_SHOWN = {
    "id": "friendId",
    "displayName": "theirsName",
    "state": "state",
    "communicationUserId": "theirsUserId",
}


async def main(req: func.HttpRequest) -> func.HttpResponse:
    rows = await services.query_partition("friends", req.params["owner"])
    friends = [{name: row[stored] for name, stored in _SHOWN.items()} for row in rows]
    return func.HttpResponse(json.dumps({"friends": friends}), mimetype="application/json")
