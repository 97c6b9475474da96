"""The app's managed identity: its tokens, and the endpoint at which App Service hands them out.

The endpoint speaks the protocol that azure-identity speaks in Azure (App Service's "REST endpoint
reference", api-version 2019-08-01): a GET with X-IDENTITY-HEADER, which a request that somebody
tricked the app into sending would lack. Errors are `{statusCode, message}`; their statuses and
words are assumed.
"""

import hmac
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import flask
from joserfc.jwk import RSAKey

from devstack.issuer.tokens import ACS_AUDIENCE, GRAPH_AUDIENCE, mint
from devstack.well_known import (
    IDENTITY_HEADER,
    MANAGED_IDENTITY_CLIENT_ID,
    MANAGED_IDENTITY_ID,
    TENANT_ID,
)

PATH = "/msi/token"
API_VERSION = "2019-08-01"

# As long as Azure's own managed identity tokens live.
LIFETIME = timedelta(hours=24)

STORAGE_AUDIENCE = "https://storage.azure.com"
# Azurite takes tokens of Entra's v1 issuers alone, whose signatures it does not check.
ENTRA_ISSUER = f"https://sts.windows.net/{TENANT_ID}/"

# What an admin has granted the identity in Graph. ACS and Storage have no roles in their tokens.
GRAPH_ROLES = ("OnlineMeetings.ReadWrite.All",)

PARAMETERS = ("api-version", "resource", "client_id")


class _Refusal(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def managed_identity_token(
    key: RSAKey, *, issuer: str, resource: str, client_id: str = MANAGED_IDENTITY_CLIENT_ID
) -> str:
    """A token of the identity for a service of the stack.

    Args:
        issuer: the stack's, which signs what is for ACS and for Graph.
        resource: who it is for, with or without a slash at the end: it becomes the audience as it
            stands, as with Entra.

    Raises:
        ValueError: the stack stands in for no such service.
    """
    issuers = {
        ACS_AUDIENCE.rstrip("/"): issuer,
        GRAPH_AUDIENCE: issuer,
        STORAGE_AUDIENCE: ENTRA_ISSUER,
    }
    name = resource.removesuffix("/")
    known = issuers.get(name)
    if known is None:
        raise ValueError(f"the stack has no resource {resource!r}; it has {', '.join(issuers)}")
    return mint(
        key,
        issuer=known,
        subject=MANAGED_IDENTITY_ID,
        audience=resource,
        lifetime=LIFETIME,
        roles=GRAPH_ROLES if name == GRAPH_AUDIENCE else (),
        oid=MANAGED_IDENTITY_ID,
        appid=client_id,
        tid=TENANT_ID,
        idtyp="app",
        nbf=int(time.time()),  # Azurite insists on it
    )


def add_identity_endpoint(app: flask.Flask, key: RSAKey, issuer: str) -> None:
    """Serve the endpoint at PATH for whoever knows IDENTITY_HEADER."""

    @app.get(PATH)
    def give_token() -> flask.Response:
        try:
            answer, status = _answer(flask.request, key, issuer), HTTPStatus.OK
        except _Refusal as refusal:
            status = refusal.status
            answer = {"statusCode": int(status), "message": str(refusal)}
        response = flask.jsonify(answer)
        response.status_code = status
        response.headers["Cache-Control"] = "no-store"
        return response


def _answer(request: flask.Request, key: RSAKey, issuer: str) -> Mapping[str, str | int]:
    given = request.headers.get("X-IDENTITY-HEADER", "")
    if not hmac.compare_digest(given.encode(), IDENTITY_HEADER.encode()):
        raise _Refusal(HTTPStatus.UNAUTHORIZED, "X-IDENTITY-HEADER is not IDENTITY_HEADER")
    if request.args.get("api-version") != API_VERSION:
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"api-version must be {API_VERSION}")
    resource = request.args.get("resource", "")
    if not resource:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "resource is missing")
    # A user-assigned identity: whichever is asked for is there, as if it had been assigned.
    client_id = request.args.get("client_id", MANAGED_IDENTITY_CLIENT_ID)
    if not _is_guid(client_id):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "client_id is not a GUID")
    if unknown := sorted(set(request.args) - set(PARAMETERS)):
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"not known here: {', '.join(unknown)}")
    try:
        token = managed_identity_token(key, issuer=issuer, resource=resource, client_id=client_id)
    except ValueError as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
    return {
        "access_token": token,
        "expires_on": str(int(time.time() + LIFETIME.total_seconds())),  # text, as App Service's
        "resource": resource,
        "token_type": "Bearer",
        "client_id": client_id,
    }


def _is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
