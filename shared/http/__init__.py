"""The HTTP edge: admits the caller, reads the request, and answers with JSON or problem+json.

A function folder needs the names below and the contract of its domain. `serve` demands a signed-in
caller; `serve_public` and `serve_callback` are the exceptions, named where they are used.
`serve_timer` runs what a timer begins, which is no request.
"""

from shared.http.answers import Accepted, Created, Document
from shared.http.callbacks import Callback, serve_callback
from shared.http.requests import PublicRequest, Request
from shared.http.serving import serve, serve_public
from shared.http.timers import serve_timer

__all__ = [
    "Accepted",
    "Callback",
    "Created",
    "Document",
    "PublicRequest",
    "Request",
    "serve",
    "serve_callback",
    "serve_public",
    "serve_timer",
]
