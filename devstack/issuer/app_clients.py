"""Apps that sign in as themselves: the client credentials grant (RFC 6749, section 4.4)."""

from http import HTTPStatus

import flask
from joserfc.jwk import RSAKey

from devstack.issuer.claims import roles_in
from devstack.issuer.sign_ins import app_token
from devstack.issuer.stored_users import stored_claims
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME

TOKEN_ENDPOINT = "oidc-provider-mock.issue_token"  # noqa: S105  the name of a route
GRANT = "client_credentials"


def add_client_credentials(app: flask.Flask, key: RSAKey, issuer: str) -> None:
    """Answer the grant at the token endpoint, which the mock does not.

    Any client with any secret gets a token, with the roles that `PUT /users/{client id}` has set.
    """

    @app.before_request
    def answer_client_credentials() -> flask.Response | None:
        request = flask.request
        if request.endpoint != TOKEN_ENDPOINT or request.form.get("grant_type") != GRANT:
            return None
        client, has_secret = _credentials(request)
        if not client or not has_secret:
            return _answer({"error": "invalid_client"}, HTTPStatus.UNAUTHORIZED)
        claims = stored_claims(client) or {}
        token = app_token(key, issuer=issuer, app=client, roles=roles_in(claims))
        seconds = int(ACCESS_TOKEN_LIFETIME.total_seconds())
        body = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
        return _answer(body, HTTPStatus.OK)


def _credentials(request: flask.Request) -> tuple[str, bool]:
    """The client's id, and whether it sent a secret: both as Basic credentials, or in the form."""
    basic = request.authorization
    if basic is not None and basic.type == "basic":
        return basic.username or "", bool(basic.password)
    # RFC 7523: a signature in place of the secret. Nobody checks either here.
    has_secret = "client_secret" in request.form or "client_assertion" in request.form
    return request.form.get("client_id", ""), has_secret


def _answer(body: dict[str, object], status: HTTPStatus) -> flask.Response:
    response = flask.jsonify(body)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response
