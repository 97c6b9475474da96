"""The users of the running issuer: `PUT /users/{sub}` of the mock sets a user's claims, `GET` shows
them, so that `dev.py token` signs what a login would sign.
"""

from collections.abc import Mapping
from http import HTTPStatus

import flask
import oidc_provider_mock


def stored_claims(user_id: str) -> Mapping[str, object] | None:
    """The claims of a user during a request to the issuer, or None if it knows no such user."""
    user: oidc_provider_mock.User | None = flask.g.oidc_provider_mock_storage.get_user(user_id)
    return user.claims if user else None


def add_user_endpoint(app: flask.Flask) -> None:
    """Serve `GET /users/{sub}`: the claims as JSON, or 404."""

    @app.get("/users/<path:sub>")
    def show_user(sub: str) -> flask.Response:
        claims = stored_claims(sub)
        if claims is None:
            flask.abort(HTTPStatus.NOT_FOUND)
        return flask.jsonify(claims)
