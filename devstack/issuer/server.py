"""An OpenID Connect issuer with a login page.

It is oidc-provider-mock with five changes: access tokens are JWTs for our API instead of opaque
strings, the key is kept in a file, the issuer's name does not depend on the Host header, debug mode
is off, and it also serves the identity endpoint of `managed_identity`. The mock does not check PKCE
verifiers, and asks nobody for a password: it is for loopback only.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask
import oidc_provider_mock
from joserfc.jwk import RSAKey

from devstack.issuer.audiences import API_AUDIENCE
from devstack.issuer.managed_identity import add_identity_endpoint
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, mint
from devstack.issuer.users import STACK_USERS
from devstack.origins import is_from_this_machine, is_local

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def make_app(key: RSAKey, issuer: str) -> flask.Flask:
    """The issuer as a WSGI app.

    Args:
        key: signs access and ID tokens; only its public half is published.
        issuer: its own base URL, without a slash at the end.
    """

    def access_token(*, user: oidc_provider_mock.User, scope: str | None, **_grant: object) -> str:
        name = user.claims.get("name")
        roles = user.claims.get("roles", [])  # set by PUT /users/{sub}
        return mint(
            key,
            issuer=issuer,
            subject=user.sub,
            audience=API_AUDIENCE,
            lifetime=ACCESS_TOKEN_LIFETIME,
            name=name if isinstance(name, str) else None,
            roles=[str(role) for role in roles] if isinstance(roles, list) else [],
            scope=scope or "",
        )

    app = flask.Flask("oidc_provider_mock")  # the mock's name: it finds its templates by it
    app.secret_key = os.urandom(16)
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = access_token
    oidc_provider_mock.init_app(
        app,
        access_token_max_age=ACCESS_TOKEN_LIFETIME,
        user_claims=[
            oidc_provider_mock.User(
                sub=user.id,
                claims={"name": user.display_name, "email": user.email, "email_verified": True},
            )
            for user in STACK_USERS
        ],
    )
    # The mock switches debug mode on, and with it a console that runs whatever is typed into it.
    app.debug = False

    @app.before_request
    def use_our_key() -> None:
        flask.g.oidc_provider_mock_storage.jwk = key

    add_identity_endpoint(app, key, issuer)

    @app.before_request
    def keep_to_this_machine() -> None:
        """Otherwise any page in the browser could sign in as alice, or give itself a role."""
        redirect = flask.request.args.get("redirect_uri")
        if not is_from_this_machine(None, flask.request.headers.get("Origin")) or (
            redirect is not None and not is_local(redirect)
        ):
            flask.abort(403, "This issuer is for apps on this machine.")

    app.wsgi_app = _PinnedOrigin(app.wsgi_app, issuer)  # type: ignore[method-assign]
    return app


class _PinnedOrigin:
    """Makes every request look as if it was sent to `origin`.

    The mock takes the issuer's name from the Host header, so there would be several issuers:
    localhost, 127.0.0.1, and whatever name was rebound to it in DNS.
    """

    def __init__(self, app: "WSGIApplication", origin: str) -> None:
        self._app = app
        self._origin = urlsplit(origin)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        pinned = dict(environ)
        for name in environ:
            if name.startswith("HTTP_X_FORWARDED_"):
                del pinned[name]
        pinned["HTTP_HOST"] = self._origin.netloc
        pinned["wsgi.url_scheme"] = self._origin.scheme
        return self._app(pinned, start_response)
