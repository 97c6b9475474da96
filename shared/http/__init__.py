"""The HTTP edge: admits the caller, reads the request, and answers with JSON or problem+json.

A function folder declares its `OPERATION` in its operation.py, with the names below and the
contract of its domain.
`serve` demands a signed-in caller; `serve_public` and `serve_callback` are the exceptions, named
where they are used. `serve_timer` runs what a timer begins, which is no request.
"""

from shared.http.answers import Accepted, Created, Document, NotModified
from shared.http.callbacks import serve_callback
from shared.http.files import IF_NONE_MATCH, stored_file, without_hash
from shared.http.operations import (
    ACS,
    EVENT_GRID,
    CallbackOperation,
    OneOrAll,
    Operation,
    PublicOneOrAll,
    PublicOperation,
)
from shared.http.requests import IDEMPOTENCY_KEY, Callback, PublicRequest, Request
from shared.http.serving import serve, serve_public
from shared.http.timers import serve_timer

__all__ = [
    "ACS",
    "EVENT_GRID",
    "IDEMPOTENCY_KEY",
    "IF_NONE_MATCH",
    "Accepted",
    "Callback",
    "CallbackOperation",
    "Created",
    "Document",
    "NotModified",
    "OneOrAll",
    "Operation",
    "PublicOneOrAll",
    "PublicOperation",
    "PublicRequest",
    "Request",
    "serve",
    "serve_callback",
    "serve_public",
    "serve_timer",
    "stored_file",
    "without_hash",
]
