"""The page and the description, as the service gives them to anybody."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.node import FOLDER, run_node
from tests.support.people import People
from tests.support.stack import ROOT, Host, StartHost

VIEWER = ROOT / "ApiDocs" / "viewer"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SERVED = ("page.js", "swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-bundle.js.LICENSE.txt")


async def get(
    client: aiohttp.ClientSession, host: Host, path: str, **headers: str
) -> tuple[aiohttp.ClientResponse, bytes]:
    asked = {"Accept-Encoding": "identity", **headers}
    async with client.get(f"{host.api}{path}", headers=asked) as answer:
        return answer, await answer.read()


async def test_the_description_is_given_to_anybody_and_only_once_to_each(
    one_host: Host, client: aiohttp.ClientSession
) -> None:
    answer, body = await get(client, one_host, "/openapi.json")
    again, nothing = await get(
        client, one_host, "/openapi.json", **{"If-None-Match": answer.headers["ETag"]}
    )

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert body == (ROOT / "docs" / "openapi.json").read_bytes()
    assert answer.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    assert (again.status, nothing) == (304, b"")
    for one in (answer, again):
        assert one.headers["Cache-Control"] == "public, no-cache"
        assert one.headers["ETag"] == answer.headers["ETag"]
    other, _ = await get(client, one_host, "/openapi.json", **{"If-None-Match": '"old"'})
    assert other.status == 200


async def test_the_page_may_load_and_ask_nothing_but_this_service(
    one_host: Host, client: aiohttp.ClientSession
) -> None:
    answer, body = await get(client, one_host, "/docs")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )

    assert (answer.status, answer.content_type) == (200, "text/html")
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert b"<script>" not in body
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("name", SERVED)
async def test_the_files_of_the_page_are_given_as_what_they_are(
    one_host: Host, client: aiohttp.ClientSession, name: str
) -> None:
    answer, body = await get(client, one_host, f"/docs/{name}")

    kinds = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
    assert (answer.status, answer.content_type) == (200, kinds[Path(name).suffix])
    assert body == (VIEWER / name).read_bytes()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_caches_keep_what_the_page_loads_for_as_long_as_it_is_the_same(
    one_host: Host, client: aiohttp.ClientSession
) -> None:
    _, page = await get(client, one_host, "/docs")
    urls = re.findall(r'"/api(/docs/[^"]+)"', page.decode())
    loaded = {re.sub(r"\.[0-9a-f]{16}\.", ".", url).rpartition("/")[2]: url for url in urls}

    assert {*loaded} == {*SERVED} - {"swagger-ui-bundle.js.LICENSE.txt"}
    for name, url in loaded.items():
        content = (VIEWER / name).read_bytes()
        hashed = hashlib.sha256(content).hexdigest()[:16]
        assert f".{hashed}." in url, f"page.html has to name {name} with {hashed}"
        answer, body = await get(client, one_host, url)
        assert body == content
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        # Of an app that is being deployed, instances of two versions answer.
        other, body = await get(client, one_host, url.replace(hashed, "0" * 16))
        assert (other.status, body) == (200, content)
        assert other.headers["Cache-Control"] == "public, no-cache"


async def test_the_page_is_there_only_if_the_settings_ask_for_it(
    start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host = await start_host(API_DOCS="")

    for path in ("/docs", *(f"/docs/{name}" for name in SERVED), "/docs/nothing.js"):
        answer, body = await get(client, host, path)
        assert (answer.status, json.loads(body)["code"]) == (404, "not-found"), path
    described, _ = await get(client, host, "/openapi.json")
    assert described.status == 200


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/page.js", "/docs/nothing.js"])
async def test_a_head_request_is_answered_as_a_get_without_its_body(
    one_host: Host, client: aiohttp.ClientSession, path: str
) -> None:
    got, _ = await get(client, one_host, path)
    async with client.head(f"{one_host.api}{path}") as answer:
        assert answer.status == got.status
        assert await answer.read() == b""
        for name in ("Content-Type", "Cache-Control", "Content-Security-Policy"):
            assert answer.headers.get(name) == got.headers.get(name), name


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", *(f"/docs/{one}" for one in SERVED)])
async def test_who_takes_gzip_gets_a_fraction(
    one_host: Host, client: aiohttp.ClientSession, path: str
) -> None:
    plain, whole = await get(client, one_host, path)
    gzip = {"Accept-Encoding": "br;q=1.0, gzip;q=0.8, *;q=0.1"}
    packed, body = await get(client, one_host, path, **gzip)
    etag = packed.headers["ETag"]
    again, _ = await get(client, one_host, path, **gzip, **{"If-None-Match": etag})
    refused, _ = await get(client, one_host, path, **{"Accept-Encoding": "gzip;q=0, br"})

    assert body == whole  # the client unpacks it
    assert packed.headers["Content-Encoding"] == "gzip"
    assert etag != plain.headers["ETag"]
    assert again.status == 304
    assert "Content-Encoding" not in {*plain.headers, *refused.headers}
    assert {one.headers["Vary"] for one in (plain, packed, again, refused)} == {"Accept-Encoding"}
    if len(whole) > 100_000:
        assert int(packed.headers["Content-Length"]) < len(whole) * 0.3


@pytest.mark.parametrize(
    "name",
    [
        "page.html",  # is the page itself, with its policy
        "LICENSE",
        "nothing.js",
        "PAGE.JS",
        "..%2f__init__.py",
        "%2e%2e%2f__init__.py",
        "..%5c__init__.py",
        "page.js%00",
        "~cGFnZS5qcw",
        "x" * 5000,
    ],
)
async def test_no_other_name_leads_to_a_file(
    one_host: Host, client: aiohttp.ClientSession, name: str
) -> None:
    answer, body = await get(client, one_host, f"/docs/{name}")

    assert answer.status == 404
    assert b"azure" not in body


def test_the_viewer_is_that_of_the_npm_package() -> None:
    """The lock file in tests/node has the hash of the package."""
    package = FOLDER / "node_modules" / "swagger-ui-dist"
    taken = {path.name for path in VIEWER.iterdir()} - {"page.html", "page.js"}

    assert taken == {*SERVED, "LICENSE", "NOTICE"} - {"page.js"}
    for name in taken:
        assert (VIEWER / name).read_bytes() == (package / name).read_bytes(), name
    assert sum(path.stat().st_size for path in VIEWER.iterdir()) < 2_000_000


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.timeout(300)
@pytest.mark.slow
async def test_a_browser_shows_the_routes_and_tries_requests(
    one_host: Host, people: People
) -> None:
    [alice] = people(one_host, "alice")
    seen: dict[str, Any] = json.loads(
        run_node(FOLDER / "api_docs.mjs", str(CHROMIUM), one_host.api, alice.bearer)
    )
    described = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"]

    assert sorted(seen["routes"]) == sorted(
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    )
    assert json.loads(seen["answers"]["isAlive 200"]) == {"status": "ok"}
    assert json.loads(seen["answers"]["getUser 401"])["code"] == "unauthenticated"
    assert json.loads(seen["answers"]["getUser 200"])["id"] == alice.id
    # Nothing is asked of others, and the policy stops nothing that the page wants.
    assert {url.startswith(one_host.api) for url in seen["asked"]} == {True}
    [refused] = seen["console"]
    assert "401" in refused
