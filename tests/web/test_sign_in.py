"""Sign-in in a browser, with the two client libraries that web apps use: oidc-client-ts, which the
page has, and MSAL."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.devstack.commands.dev_process import DevRun
from tests.support.stack import ROOT
from tests.web.conftest import Open
from tests.web.windows import Window

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

ALICE = "Alice Adams"
PACKAGES = ROOT / "web" / "node_modules"
MSAL = PACKAGES / "@azure" / "msal-browser" / "lib" / "msal-browser.min.js"
MSAL_PAGE = Path(__file__).with_name("msal.html")
OIDC_CLIENT = PACKAGES / "oidc-client-ts" / "dist" / "esm" / "oidc-client-ts.js"
JWT_DECODE = PACKAGES / "jwt-decode" / "build" / "esm" / "index.js"
# The example of the docs, and what a page does with it.
DOCS = (ROOT / "README.md", ROOT / "devstack" / "README.md", *(ROOT / "docs").rglob("*.md"))
EXAMPLE = re.compile(r"^```js\n(import \{ UserManager.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE_PAGE = """<!doctype html>
<p role="status"></p>
<script type="importmap">
  {"imports": {"oidc-client-ts": "/oidc-client-ts.js", "jwt-decode": "/jwt-decode.js"}}
</script>
<script type="module">
EXAMPLE
if (user) {
  const headers = { Authorization: `Bearer ${await bearer()}` };
  const { id } = await (await fetch("API/user", { headers })).json();
  document.querySelector("[role=status]").textContent = `${user.profile.name} is ${id}`;
}
</script>
"""

_STORED = "() => Object.entries(sessionStorage).find(([name]) => name.startsWith('oidc.user:'))"


def stored(window: Window) -> dict[str, str]:
    """The sign-in as oidc-client-ts keeps it."""
    sign_in: dict[str, str] = json.loads(window.page.evaluate(_STORED)[1])
    return sign_in


def test_an_expired_sign_in_is_renewed_without_a_question(window: Open) -> None:
    alice = window(ALICE)
    first = stored(alice)
    name, _ = alice.page.evaluate(_STORED)
    alice.page.evaluate(
        "([name, value]) => sessionStorage.setItem(name, value)",
        [name, json.dumps(first | {"expires_at": 1})],
    )

    alice.page.reload()

    alice.expect_connected()
    assert stored(alice)["access_token"] != first["access_token"]


def test_a_sign_in_is_of_one_window_and_ends_in_it(window: Open) -> None:
    alice = window(ALICE)
    other = alice.page.context.new_page()
    other.goto(alice.page.url)
    expect(other.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert alice.page.evaluate("() => localStorage.length") == 0
    assert alice.page.context.cookies(alice.page.url) == []

    alice.press(ALICE)
    alice.page.get_by_role("menuitem", name="Sign out").click()

    expect(alice.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert alice.page.evaluate(_STORED) is None
    alice.page.reload()
    expect(alice.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_who_does_not_sign_in_is_told_so_on_the_page(
    page_stack: DevRun, blank: Callable[[], Page]
) -> None:
    page = blank()
    page.goto(page_stack.stack["web"])
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("button", name="Do not sign in").click()

    expect(page.get_by_text("You were not signed in")).to_be_visible()
    assert page.url == f"{page_stack.stack['web']}/"


def test_msal_signs_in_over_tls_and_renews(page_stack: DevRun, blank: Callable[[], Page]) -> None:
    files = {
        "/msal.html": MSAL_PAGE.read_text().replace("AUTHORITY", page_stack.stack["issuerTls"]),
        "/msal.js": MSAL.read_text("utf-8"),
    }
    with served(files) as address:
        page = blank()
        page.goto(f"{address}/msal.html")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name=ALICE).click()

        expect(page.get_by_role("status")).to_have_text(f"{ALICE} signed in and renewed")


def test_the_fifteen_lines_of_the_docs_sign_somebody_in(
    page_stack: DevRun, blank: Callable[[], Page]
) -> None:
    stack = page_stack.stack
    [example] = [one for doc in DOCS for one in EXAMPLE.findall(doc.read_text("utf-8"))]
    assert len(list(filter(None, example.splitlines()))) <= 15
    example = example.replace("http://127.0.0.1:7072", stack["issuer"])
    files = {
        "/page.html": EXAMPLE_PAGE.replace("EXAMPLE", example).replace("API", stack["api"]),
        "/oidc-client-ts.js": OIDC_CLIENT.read_text("utf-8"),
        "/jwt-decode.js": JWT_DECODE.read_text("utf-8"),
    }
    with served(files) as address:
        page = blank()
        page.goto(f"{address}/page.html")
        page.get_by_role("button", name=ALICE).click()

        expect(page.get_by_role("status")).to_have_text(f"{ALICE} is alice")
        page.reload()
        expect(page.get_by_role("status")).to_have_text(f"{ALICE} is alice")


@contextmanager
def served(files: Mapping[str, str]) -> Iterator[str]:
    """Serves these on this machine; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = files.get(urlsplit(self.path).path)
            self.send_response(404 if found is None else 200)
            kind = "text/html" if ".html" in self.path else "text/javascript"
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
