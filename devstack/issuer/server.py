"""An OpenID Connect issuer with a login page.

It is oidc-provider-mock with these changes: access tokens are JWTs for our API instead of opaque
strings, the key is kept in a file, the issuer's name does not depend on the Host header, debug mode
is off, client libraries of browsers find what they need (`browser_clients`), apps sign in as
themselves (`app_clients`), and it also serves `identity_endpoint`. The mock
does not check PKCE verifiers, and asks nobody for a password: it is for loopback only.
"""

import os
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask
import oidc_provider_mock
from joserfc.jwk import RSAKey

from devstack.issuer.app_clients import add_client_credentials
from devstack.issuer.audiences import API_AUDIENCE
from devstack.issuer.browser_clients import accept_more_scopes, add_answers_for_browsers
from devstack.issuer.claims import name_in, roles_in
from devstack.issuer.identity_endpoint import add_identity_endpoint
from devstack.issuer.pages import add_pages
from devstack.issuer.stored_users import add_user_endpoint
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, mint
from devstack.issuer.users import STACK_USERS
from devstack.origins import is_from_this_machine, is_local

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Where the requests say to which page the browser goes next.
REDIRECTS = ("redirect_uri", "post_logout_redirect_uri")


def make_app(key: RSAKey, issuer: str, redirect_schemes: Collection[str] = ()) -> flask.Flask:
    """The issuer as a WSGI app; `answering_as` makes it answer under one address.

    Args:
        key: signs access and ID tokens; only its public half is published.
        issuer: the `iss` of access tokens: its own base URL, without a slash at the end.
        redirect_schemes: URL schemes of native apps, to which it may redirect as well.
    """

    def access_token(*, user: oidc_provider_mock.User, scope: str | None, **_grant: object) -> str:
        return mint(
            key,
            issuer=issuer,
            subject=user.sub,
            audience=API_AUDIENCE,
            lifetime=ACCESS_TOKEN_LIFETIME,
            name=name_in(user.claims),
            roles=roles_in(user.claims),
            scope=scope or "",
        )

    app = flask.Flask("oidc_provider_mock")  # the mock's name: it finds its templates by it
    app.secret_key = os.urandom(16)
    app.config["OAUTH2_ACCESS_TOKEN_GENERATOR"] = access_token
    accept_more_scopes()
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

    @app.before_request
    def keep_to_this_machine() -> None:
        """Refuse pages from elsewhere: otherwise any page in the browser could sign in as alice, or
        give itself a role."""
        targets = [
            target for name in REDIRECTS for target in flask.request.values.getlist(name) if target
        ]
        if not is_from_this_machine(None, flask.request.headers.get("Origin")) or not all(
            _is_page(target) or _scheme(target) in redirect_schemes for target in targets
        ):
            flask.abort(403, "This issuer is for apps on this machine.")

    add_identity_endpoint(app, key, issuer)
    add_user_endpoint(app)
    add_client_credentials(app, key, issuer)
    add_answers_for_browsers(app)
    add_pages(app)
    return app


def _is_page(url: str) -> bool:
    # Browsers take a backslash for a slash, so the host of a URL with one is not what it seems.
    return _scheme(url) in ("http", "https") and is_local(url) and "\\" not in url


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def answering_as(app: flask.Flask, origin: str) -> "WSGIApplication":
    """The app under one address, whatever the Host header says.

    The mock takes the issuer's name from the Host header, so there would be several issuers:
    localhost, 127.0.0.1, and whatever name was rebound to it in DNS.
    """
    return _PinnedOrigin(app.wsgi_app, origin)


class _PinnedOrigin:
    """Makes every request look as if it was sent to `origin`."""

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
