"""GET /api/token: verify the bearer token, read the user's row, have ACS issue a token."""

import json
import os

import azure.functions as func

from benchmarks.reference import services


async def main(req: func.HttpRequest) -> func.HttpResponse:
    user = services.verified_user(req.headers["authorization"])
    row = await services.read_row(
        "identities", services.mapping_key(user), os.environ["BENCH_ROW_KEY"]
    )
    token = await services.issue_token(row["communicationUserId"])
    answer = {
        "token": token["token"],
        "expiresOn": token["expiresOn"],
        "user": {"communicationUserId": row["communicationUserId"], "id": user},
    }
    return func.HttpResponse(json.dumps(answer), mimetype="application/json")
