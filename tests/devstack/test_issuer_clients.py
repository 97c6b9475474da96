"""What client libraries need of the stack's issuer: MSAL and oidc-client-ts in browsers, native
apps, and apps that sign in as themselves.
"""

import base64
import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from devstack.issuer.audiences import API_AUDIENCE, API_SCOPE
from tests.devstack.emulator_fixtures import certified
from tests.devstack.issuer_fixtures import REDIRECT, Issuer, running_issuer
from tests.support.ports import free_port

pytestmark = pytest.mark.emulators

NATIVE = "com.example.app://signed-in"
SCOPES = f"openid profile offline_access {API_SCOPE}"


class TlsIssuer(Issuer):
    def __init__(self, issuer: Issuer, tls_port: int, authority: Path) -> None:
        super().__init__(issuer.port)
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self._trust = ssl.create_default_context(cafile=authority)

    def get(self, path: str) -> tuple[dict[str, str], bytes]:
        with urllib.request.urlopen(f"{self.tls_url}{path}", context=self._trust) as answer:
            return dict(answer.headers), answer.read()


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsIssuer]:
    folder, tls_port = tmp_path_factory.mktemp("issuer"), free_port()
    certificate, authority = certified(folder)
    more = ["--tls-port", str(tls_port), "--certificate", str(certificate)]
    more += ["--redirect-scheme", "com.example.app"]
    with running_issuer(free_port(), folder / "key.json", *more) as running:
        yield TlsIssuer(running, tls_port, authority)


def authorize(**fields: str) -> str:
    usual = {
        "response_type": "code",
        "client_id": "web",
        "redirect_uri": REDIRECT,
        "scope": SCOPES,
        "state": "s-1",
    }
    return f"/oauth2/authorize?{urlencode(usual | fields)}"


def fields_of(text: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(text).items()}


@pytest.mark.parametrize("mode", ["query", "fragment"])
def test_a_silent_sign_in_is_refused_and_shows_no_page(issuer: TlsIssuer, mode: str) -> None:
    status, headers, _ = issuer.ask("GET", authorize(prompt="none", response_mode=mode))

    back = urlsplit(headers["Location"])
    assert status == 302
    answer = fields_of(back.fragment if mode == "fragment" else back.query)
    assert answer["error"] == "login_required"
    assert answer["state"] == "s-1"
    assert not (back.query if mode == "fragment" else back.fragment)


def test_the_code_comes_in_the_fragment_and_the_page_keeps_its_own_query(
    issuer: TlsIssuer,
) -> None:
    page = authorize(response_mode="fragment", redirect_uri=f"{REDIRECT}?view=a%20b&new")

    _, headers, _ = issuer.ask("POST", page, {"sub": "alice"})

    back = urlsplit(headers["Location"])
    assert back.query == "view=a%20b&new"
    assert fields_of(back.fragment).keys() == {"code", "state"}


def test_who_does_not_sign_in_is_told_in_the_fragment_too(issuer: TlsIssuer) -> None:
    page = authorize(response_mode="fragment")

    _, headers, _ = issuer.ask("POST", page, {"action": "deny"})

    assert fields_of(urlsplit(headers["Location"]).fragment)["error"] == "access_denied"


def test_a_response_mode_that_it_has_not_is_refused(issuer: TlsIssuer) -> None:
    assert issuer.ask("GET", authorize(response_mode="form_post"))[0] == 400


def test_a_refresh_with_all_scopes_of_the_sign_in_works(issuer: TlsIssuer) -> None:
    tokens = issuer.sign_in("alice", SCOPES)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    status, _, body = issuer.ask(
        "POST", "/oauth2/token", {**form, "client_id": "web", "scope": SCOPES}
    )

    assert status == 200, body
    assert tokens["scope"].split() == SCOPES.split()
    assert issuer.verified(json.loads(body)["access_token"], API_AUDIENCE)["sub"] == "alice"


def test_no_session_is_kept_so_the_next_window_is_asked_who_it_is(issuer: TlsIssuer) -> None:
    _, headers, _ = issuer.ask("POST", authorize(), {"sub": "alice"})
    status, _, page = issuer.ask("GET", authorize())

    assert "Set-Cookie" not in headers
    assert status == 200
    assert b"Bob Brown" in page


def test_the_login_page_shows_names_and_loads_nothing(issuer: TlsIssuer) -> None:
    issuer.put_user("dave", {"name": "Dave <i>Davis</i>"})

    _, headers, page = issuer.ask("GET", authorize())

    text = page.decode()
    for name in ("Alice Adams", "Bob Brown", "Carol Clark", "Dave &lt;i&gt;Davis"):
        assert name in text
    assert not any(mark in text for mark in ("src=", "<script", "@import", "url(", "cdn."))
    assert text.count("<link") == text.count('<link rel="icon" href="data:,">')
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("state", [{}, {"state": "s-2"}])
def test_signing_out_leads_back_to_the_page(issuer: TlsIssuer, state: dict[str, str]) -> None:
    fields = {"post_logout_redirect_uri": f"{REDIRECT}?out"} | state

    status, headers, _ = issuer.ask("GET", f"/oauth2/end_session?{urlencode(fields)}")

    assert status == 302
    assert headers["Location"] == f"{REDIRECT}?out" + ("&state=s-2" if state else "")
    assert issuer.ask("GET", "/oauth2/end_session")[0] == 200


@pytest.mark.parametrize("path", ["end_session", "end_session/confirm"])
def test_signing_out_leads_to_no_page_elsewhere(issuer: TlsIssuer, path: str) -> None:
    evil = "https://evil.example/"
    form = {"post_logout_redirect_uri": evil, "redirect_uri": evil}

    assert issuer.ask("POST", f"/oauth2/{path}", form)[0] == 403


def test_over_tls_everything_is_https_and_the_api_gets_the_issuer_that_it_knows(
    issuer: TlsIssuer,
) -> None:
    headers, body = issuer.get("/.well-known/openid-configuration")

    document = json.loads(body)
    assert document["issuer"] == issuer.tls_url
    for name in ("authorization_endpoint", "token_endpoint", "end_session_endpoint", "jwks_uri"):
        assert document[name].startswith(f"{issuer.tls_url}/")
    assert document["response_modes_supported"] == ["query", "fragment"]
    assert "offline_access" in document["scopes_supported"]
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert issuer.verified(issuer.sign_in("bob")["access_token"], API_AUDIENCE)


def test_a_client_that_connects_and_says_nothing_keeps_nobody_out(issuer: TlsIssuer) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(issuer.tls_url).port or 0)):
        assert issuer.get("/jwks")[1]


def test_a_native_app_gets_its_code_at_its_own_scheme_and_no_other_app_does(
    issuer: TlsIssuer,
) -> None:
    status, headers, _ = issuer.ask("POST", authorize(redirect_uri=NATIVE), {"sub": "alice"})

    assert status == 302
    assert headers["Location"].startswith(f"{NATIVE}?code=")
    assert issuer.ask("GET", authorize(redirect_uri="com.evil.app://signed-in"))[0] == 403


@pytest.mark.parametrize("how", ["basic", "form", "none"])
def test_a_daemon_signs_in_as_itself_with_the_roles_that_it_was_given(
    issuer: TlsIssuer, how: str
) -> None:
    issuer.put_user("night-job", {"roles": ["Tokens.Issue"]})
    form, headers = {"grant_type": "client_credentials", "scope": f"{API_AUDIENCE}/.default"}, {}
    if how == "basic":
        headers["Authorization"] = f"Basic {base64.b64encode(b'night-job:secret').decode()}"
    else:
        form["client_id"] = "night-job"
    if how == "form":
        form["client_secret"] = "secret"

    status, answered, body = issuer.ask("POST", "/oauth2/token", form, headers)

    if how == "none":
        assert (status, json.loads(body)) == (401, {"error": "invalid_client"})
        return
    token = json.loads(body)
    claims = issuer.verified(token["access_token"], API_AUDIENCE)
    assert (status, token["token_type"], token["expires_in"]) == (200, "Bearer", 3600)
    assert (claims["sub"], claims["azp"]) == ("night-job", "night-job")
    assert claims["roles"] == ["Tokens.Issue"]
    assert "name" not in claims
    assert answered["Access-Control-Allow-Origin"] == "*"


def test_the_claims_of_a_user_are_shown_as_they_were_put(issuer: TlsIssuer) -> None:
    issuer.put_user("erin", {"name": "Erin", "roles": ["Bots.Operate"]})

    assert issuer.json("/users/erin") == {"name": "Erin", "roles": ["Bots.Operate"]}
    assert issuer.ask("GET", "/users/nobody")[0] == 404
    assert issuer.ask("GET", "/users/erin", headers={"Origin": "https://evil.example"})[0] == 403
