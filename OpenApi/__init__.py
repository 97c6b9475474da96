"""GET|HEAD /api/openapi.json: give this description of the HTTP contract, as OpenAPI 3.1."""

from pathlib import Path

import azure.functions as func

from shared.bodies import Query
from shared.http import (
    IF_NONE_MATCH,
    Document,
    NotModified,
    PublicOperation,
    PublicRequest,
    serve_public,
    stored_file,
)

_FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


class Description(Document):
    mimetype = "application/json"
    is_versioned = True


async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return await serve_public(req, context, OPERATION)


async def describe(request: PublicRequest[Query]) -> Description | NotModified:
    return await stored_file(_FILE, Description, request)


OPERATION = PublicOperation(handler=describe, headers=(IF_NONE_MATCH,))
