"""The endpoint where App Service issues the tokens of the app's managed identity.

It has the protocol that azure-identity uses in Azure (App Service's "REST endpoint reference",
api-version 2019-08-01): a GET with X-IDENTITY-HEADER. An attacker who makes the app send a request
cannot set that header. Errors are `{statusCode, message}`; [assumed] are their statuses and texts.
"""

import hmac
import time
from collections.abc import Mapping
from http import HTTPStatus

import flask
from joserfc.jwk import RSAKey

from devstack.guids import is_guid
from devstack.issuer.managed_identity import LIFETIME, PATH, managed_identity_token
from devstack.well_known import IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID

API_VERSION = "2019-08-01"
PARAMETERS = ("api-version", "resource", "client_id")


class _EndpointError(Exception):
    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


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
