"""The app's managed identity: its tokens, and the endpoint where App Service issues them.

The endpoint has the protocol that azure-identity uses in Azure (App Service's "REST endpoint
reference", api-version 2019-08-01): a GET with X-IDENTITY-HEADER. An attacker who makes the app
send a request cannot set that header. Errors are `{statusCode, message}`; [assumed] are their
statuses and texts.
"""

import hmac
import time
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

import flask
from joserfc.jwk import RSAKey

from devstack.guids import is_guid
from devstack.issuer.audiences import (
    ACS_AUDIENCE,
    GRAPH_AUDIENCE,
    MEETINGS_READ_WRITE,
    STORAGE_AUDIENCE,
)
from devstack.issuer.tokens import mint
from devstack.well_known import (
    IDENTITY_HEADER,
    MANAGED_IDENTITY_CLIENT_ID,
    MANAGED_IDENTITY_ID,
    TENANT_ID,
)

PATH = "/msi/token"
API_VERSION = "2019-08-01"

# Azure's own managed identity tokens live as long.
LIFETIME = timedelta(hours=24)

# Azurite accepts tokens of Entra's v1 issuers only, and does not check their signatures.
ENTRA_ISSUER = f"https://sts.windows.net/{TENANT_ID}/"

# What an admin has granted the identity in Graph. Tokens for ACS and Storage have no roles.
GRAPH_ROLES = (MEETINGS_READ_WRITE,)

PARAMETERS = ("api-version", "resource", "client_id")


class _EndpointError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def managed_identity_token(
    key: RSAKey, *, issuer: str, resource: str, client_id: str = MANAGED_IDENTITY_CLIENT_ID
) -> str:
    """A token of the identity for a service that the stack emulates.

    Args:
        issuer: the stack's issuer, which signs the tokens for ACS and for Graph.
        resource: the service, with or without a slash at the end. It becomes the audience without
            any change, as with Entra.

    Raises:
        ValueError: the stack emulates no such service.
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
        nbf=int(time.time()),  # Azurite requires it
    )


def add_identity_endpoint(app: flask.Flask, key: RSAKey, issuer: str) -> None:
    """Serve the endpoint at PATH, for requests that carry IDENTITY_HEADER."""

    @app.get(PATH)
    def give_token() -> flask.Response:
        try:
            answer, status = _answer(flask.request, key, issuer), HTTPStatus.OK
        except _EndpointError as error:
            status = error.status
            answer = {"statusCode": int(status), "message": str(error)}
        response = flask.jsonify(answer)
        response.status_code = status
        response.headers["Cache-Control"] = "no-store"
        return response


def _answer(request: flask.Request, key: RSAKey, issuer: str) -> Mapping[str, str | int]:
    given = request.headers.get("X-IDENTITY-HEADER", "")
    if not hmac.compare_digest(given.encode(), IDENTITY_HEADER.encode()):
        raise _EndpointError(HTTPStatus.UNAUTHORIZED, "X-IDENTITY-HEADER is not IDENTITY_HEADER")
    if request.args.get("api-version") != API_VERSION:
        raise _EndpointError(HTTPStatus.BAD_REQUEST, f"api-version must be {API_VERSION}")
    resource = request.args.get("resource", "")
    if not resource:
        raise _EndpointError(HTTPStatus.BAD_REQUEST, "resource is missing")
    # A user-assigned identity: every client id counts as assigned to the app.
    client_id = request.args.get("client_id", MANAGED_IDENTITY_CLIENT_ID)
    if not is_guid(client_id):
        raise _EndpointError(HTTPStatus.BAD_REQUEST, "client_id is not a GUID")
    if unknown := sorted(set(request.args) - set(PARAMETERS)):
        raise _EndpointError(HTTPStatus.BAD_REQUEST, f"not known here: {', '.join(unknown)}")
    try:
        token = managed_identity_token(key, issuer=issuer, resource=resource, client_id=client_id)
    except ValueError as error:
        raise _EndpointError(HTTPStatus.BAD_REQUEST, str(error)) from None
    return {
        "access_token": token,
        "expires_on": str(int(time.time() + LIFETIME.total_seconds())),  # text, as App Service's
        "resource": resource,
        "token_type": "Bearer",
        "client_id": client_id,
    }
