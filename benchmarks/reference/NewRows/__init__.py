"""POST /api/rows?number=: insert rows like those of a listing, each in another partition."""

import uuid

import azure.functions as func

from benchmarks.reference import services

# As many at a time as the service inserts (shared/upstream/concurrency.py).
_AT_ONCE = 32


async def main(req: func.HttpRequest) -> func.HttpResponse:
    call = uuid.uuid4().hex
    rows = [
        {
            "PartitionKey": uuid.uuid4().hex,
            "RowKey": call,
            "role": "invitee",
            "owner": "0" * 64,
            "consent": "friendship",
            "kind": "groupCall",
            "hostId": "somebody",
            "title": "Coffee",
            "sharedAt@odata.type": "Edm.DateTime",
            "sharedAt": "2026-11-28T12:00:00.000000Z",
        }
        for _ in range(int(req.params["number"]))
    ]
    await services.insert_rows("invitations", rows, _AT_ONCE)
    return func.HttpResponse(status_code=201)
