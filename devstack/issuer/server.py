"""An OpenID Connect issuer with a login page: python -m devstack.issuer.

It is oidc-provider-mock with five changes: access tokens are JWTs for our API instead of opaque
strings, the key is kept in a file, the issuer is what it was told to be whatever the Host header
says, debug mode is off, and it also serves the identity endpoint of `managed_identity`. The
mock does not check PKCE verifiers, and lets anybody be anybody: for loopback only.
"""

import argparse
import asyncio
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask
import oidc_provider_mock
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from devstack.issuer.managed_identity import add_identity_endpoint
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, API_AUDIENCE, issuer_key, mint
from devstack.issuer.users import STACK_USERS
from devstack.lifetime import until_told_to_stop
from devstack.origins import is_local, may_ask

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
    # The mock switches it on, and with it a console that runs what is typed into it.
    app.debug = False

    @app.before_request
    def use_our_key() -> None:
        flask.g.oidc_provider_mock_storage.jwk = key

    add_identity_endpoint(app, key, issuer)

    @app.before_request
    def keep_to_this_machine() -> None:
        """Or any page in the developer's browser could sign in as alice, or give itself a role."""
        redirect = flask.request.args.get("redirect_uri")
        if not may_ask(None, flask.request.headers.get("Origin")) or (
            redirect is not None and not is_local(redirect)
        ):
            flask.abort(403, "This issuer is for apps on this machine.")

    app.wsgi_app = _PinnedOrigin(app.wsgi_app, issuer)  # type: ignore[method-assign]
    return app


class _PinnedOrigin:
    """Makes every request look as if it was sent to `origin`.

    The mock takes its issuer from the Host header. One token would then have several issuers:
    localhost, 127.0.0.1, and whatever a rebound DNS name says.
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


async def _serve(arguments: argparse.Namespace) -> None:
    told = asyncio.create_task(until_told_to_stop(watch_stdin=arguments.stop_with_stdin))
    issuer = arguments.issuer or f"http://127.0.0.1:{arguments.port}"
    app = make_app(issuer_key(arguments.key_file), issuer)
    server = make_server("127.0.0.1", arguments.port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    print(f"issuer: {issuer}", flush=True)
    try:
        await told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="devstack.issuer", description=__doc__)
    parser.add_argument("--port", type=int, default=7072)
    parser.add_argument("--key-file", type=Path, required=True, help="made if it is missing")
    parser.add_argument("--issuer", help="its URL (default: http://127.0.0.1:PORT)")
    parser.add_argument("--stop-with-stdin", action="store_true")
    arguments = parser.parse_args()
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(_serve(arguments))
