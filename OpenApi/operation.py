"""GET|HEAD /api/openapi.json: give this description of the HTTP contract, as OpenAPI 3.1."""

from pathlib import Path

from shared.bodies import Query
from shared.http import (
    IF_NONE_MATCH,
    Document,
    NotModified,
    PublicOperation,
    PublicRequest,
    stored_file,
)

_FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


class Description(Document):
    mimetype = "application/json"
    is_versioned = True


async def describe(request: PublicRequest[Query]) -> Description | NotModified:
    return await stored_file(_FILE, Description, request)


OPERATION = PublicOperation(handler=describe, headers=(IF_NONE_MATCH,))
