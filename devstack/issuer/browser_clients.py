"""What client libraries in browsers, such as MSAL and oidc-client-ts, need of an issuer, and the
mock lacks.

There is no session: every sign-in asks for the user, so that two windows of one browser can be two
people. Therefore a silent sign-in is refused at once, and signing out only leads back to the page.
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

import flask
from oidc_provider_mock._storage import Client

from devstack.issuer.audiences import API_SCOPE

AUTHORIZE = "oidc-provider-mock.authorize"
END_SESSION = "oidc-provider-mock.end_session"
DISCOVERY = "oidc-provider-mock.openid_config"

MODES = ("query", "fragment")
# MSAL asks for a refresh token by the first, and refreshes with all the scopes of the sign-in: a
# scope that was not granted then makes the refresh fail with `invalid_scope`.
MORE_SCOPES = ("offline_access", API_SCOPE)


def accept_more_scopes() -> None:
    """Make the mock grant MORE_SCOPES: the scopes of a client that nobody registered are these."""
    known = Client.SCOPES_SUPPORTED
    Client.SCOPES_SUPPORTED = tuple(dict.fromkeys((*known, *MORE_SCOPES)))


def add_answers_for_browsers(app: flask.Flask) -> None:
    """Add `prompt=none`, `response_mode=fragment`, and an end of the session without a form."""
    app.before_request(_refuse_silent_sign_in)
    app.before_request(_end_session)
    app.after_request(_answer_in_fragment)
    app.after_request(_describe_more)


def _refuse_silent_sign_in() -> flask.typing.ResponseReturnValue | None:
    asked = flask.request.args
    if flask.request.endpoint != AUTHORIZE:
        return None
    if asked.get("response_mode", "query") not in MODES:
        flask.abort(HTTPStatus.BAD_REQUEST, f"response_mode is one of: {', '.join(MODES)}")
    if "none" not in asked.get("prompt", "").split() or not asked.get("redirect_uri"):
        return None
    description = "This issuer keeps no session: sign in again."
    fields = {"error": "login_required", "error_description": description, **_state(asked)}
    return flask.redirect(_with_fields(asked["redirect_uri"], fields))


def _end_session() -> flask.typing.ResponseReturnValue | None:
    asked = flask.request.values
    target = asked.get("post_logout_redirect_uri")
    if flask.request.endpoint != END_SESSION or flask.request.method == "OPTIONS":
        return None
    if not target:
        return flask.render_template("end_session_confirm.html")
    return flask.redirect(_with_fields(target, _state(asked)))


def _answer_in_fragment(response: flask.Response) -> flask.Response:
    asked = flask.request.args
    wants_fragment = asked.get("response_mode") == "fragment" and "redirect_uri" in asked
    if flask.request.endpoint == AUTHORIZE and wants_fragment and response.location:
        response.location = _in_fragment(response.location, asked["redirect_uri"])
    return response


def _describe_more(response: flask.Response) -> flask.Response:
    if flask.request.endpoint == DISCOVERY and response.status_code == HTTPStatus.OK:
        document = flask.json.loads(response.get_data())
        grants = [*document["grant_types_supported"], "client_credentials"]
        document |= {"response_modes_supported": list(MODES), "grant_types_supported": grants}
        response.set_data(flask.json.dumps(document))
    return response


def _state(asked: Mapping[str, str]) -> dict[str, str]:
    return {"state": asked["state"]} if "state" in asked else {}


def _with_fields(url: str, fields: dict[str, str]) -> str:
    """The URL with more fields in its query. What the page has there stays as it is."""
    if not fields:
        return url
    parts = urlsplit(url)
    return parts._replace(query="&".join(filter(None, (parts.query, urlencode(fields))))).geturl()


def _in_fragment(location: str, redirect_uri: str) -> str:
    """The page's own URL, with the answer's fields in the fragment in place of the query."""
    own = parse_qsl(urlsplit(redirect_uri).query, keep_blank_values=True)
    fields = parse_qsl(urlsplit(location).query, keep_blank_values=True)[len(own) :]
    return urlsplit(redirect_uri)._replace(fragment=urlencode(fields)).geturl()
