"""The local host runs functions as Azure does; also the contract with the runtime's inner names."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.support.part_process import ended_part
from tests.support.ports import free_port
from tests.support.stack import ROOT, wait_until_open

pytestmark = pytest.mark.emulators

ECHO = """
import json
import azure.functions as func

async def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "query": dict(req.params),
        "route": dict(req.route_params),
        "x": req.headers.get("X-Seen"),
        "body": len(req.get_body() or b""),
        "coding": req.headers.get("Transfer-Encoding"),
        "invocation": context.invocation_id,
        "function": context.function_name,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", status_code=207)
"""
SYNC = """
import azure.functions as func

def main(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"Set-Cookie": "a=b; Path=/; HttpOnly", "X-One": "1"}
    return func.HttpResponse("synchronous", headers=headers)
"""
BROKEN = """
import azure.functions as func

async def main(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("only for the log")
"""


def write_function(app: Path, name: str, code: str, route: str, *methods: str) -> None:
    (app / name).mkdir()
    (app / name / "__init__.py").write_text(code)
    trigger = {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
    bindings = [
        {**trigger, "route": route, "methods": list(methods)},
        {"type": "http", "direction": "out", "name": "$return"},
    ]
    declared = {"scriptFile": "__init__.py", "entryPoint": "main", "bindings": bindings}
    (app / name / "function.json").write_text(json.dumps(declared))


def new_app(folder: Path, prefix: str = "api") -> Path:
    host = {"version": "2.0", "extensions": {"http": {"routePrefix": prefix}}}
    (folder / "host.json").write_text(json.dumps(host))
    return folder


def options(app: Path, port: int) -> list[str]:
    wanted = ["--app", str(app), "--port", str(port), "--cors", "https://app.example"]
    return [*wanted, "--stop-with-stdin"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a host of a small app, and its log."""
    app = new_app(tmp_path_factory.mktemp("app"), prefix="v1/api")
    write_function(app, "Echo", ECHO, "echo/{id:int}/{rest?}", "get", "post")
    write_function(app, "EchoDelete", ECHO, "echo/{id:int}", "delete")
    write_function(app, "Sync", SYNC, "sync", "get")
    write_function(app, "Broken", BROKEN, "broken", "get")
    port, log = free_port(), app / "host.log"
    command = [sys.executable, "-m", "devstack.functions_host", *options(app, port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out, stderr=out
        ) as process,
    ):
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}", log
        process.terminate()


async def call(url: str | URL, **options: Any) -> tuple[int, Any, bytes]:
    method = options.pop("method", "GET")
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as reply:
        return reply.status, reply.headers, await reply.read()


async def test_a_request_reaches_the_function_as_azure_would_hand_it_over(
    host: tuple[str, Path],
) -> None:
    url, _ = host
    status, headers, body = await call(
        f"{url}/V1/API/Echo/7/a%20b?q=1&q=2&r=%26",
        method="POST",
        data=b"x" * 80_000,
        headers=[("X-Seen", "one"), ("X-Seen", "two")],
    )
    seen = json.loads(body)

    assert status == 207
    assert headers["Content-Type"] == "application/json"
    assert seen["query"] == {"q": "1,2", "r": "&"}
    assert seen["route"] == {"id": "7", "rest": "a b"}
    assert (seen["method"], seen["x"], seen["body"]) == ("POST", "one,two", 80_000)
    assert seen["function"] == "Echo"
    assert re.fullmatch(r"[0-9a-f-]{36}", seen["invocation"])


async def test_the_parameters_leave_out_empty_values_and_the_url_has_the_whole_query(
    host: tuple[str, Path],
) -> None:
    url, _ = host
    query = "a=&b&Q=1&q=2&r=%20%C3%A9+x&c=&c=3"
    _, _, body = await call(URL(f"{url}/v1/api/echo/7?{query}", encoded=True))
    seen = json.loads(body)

    assert seen["query"] == {"Q": "1,2", "r": " é x", "c": ",3"}
    assert seen["url"] == f"{url}/v1/api/echo/7?{query}"


async def test_a_compressed_body_is_handed_on_as_it_was_sent(host: tuple[str, Path]) -> None:
    url, _ = host
    sent = gzip.compress(b"x" * 1000)
    status, _, body = await call(
        f"{url}/v1/api/echo/7", method="POST", data=sent, headers={"Content-Encoding": "gzip"}
    )

    assert (status, json.loads(body)["body"]) == (207, len(sent))


async def test_a_body_in_chunks_is_not_handed_on(host: tuple[str, Path]) -> None:
    url, _ = host

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 10

    status, _, body = await call(
        f"{url}/v1/api/echo/7", method="POST", data=chunks(), headers={"X-Seen": "one"}
    )
    seen = json.loads(body)

    assert (status, seen["body"], seen["x"]) == (207, 0, "one")
    assert seen["coding"] == "chunked"


async def test_a_bearer_token_of_16_kib_gets_through(host: tuple[str, Path]) -> None:
    url, _ = host
    status, _, body = await call(f"{url}/v1/api/echo/7", headers={"X-Seen": "t" * 16_400})

    assert (status, len(json.loads(body)["x"])) == (207, 16_400)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/echo/7"),
        ("GET", "/v1/api/echo"),
        ("GET", "/v1/api/echo/x"),
        ("GET", "/v1/api/echo/7/a%2Fb"),
        ("PUT", "/v1/api/echo/7"),
        ("GET", "/v1/api/nothing"),
    ],
)
async def test_what_no_function_declares_is_not_found(
    host: tuple[str, Path], method: str, path: str
) -> None:
    url, _ = host
    status, _, body = await call(URL(url + path, encoded=True), method=method)

    assert (status, body) == (404, b"")


async def test_functions_share_a_route_when_their_methods_differ(host: tuple[str, Path]) -> None:
    url, _ = host
    _, _, body = await call(f"{url}/v1/api/echo/7", method="DELETE")

    assert json.loads(body)["function"] == "EchoDelete"


async def test_synchronous_functions_and_cookies_work(host: tuple[str, Path]) -> None:
    url, _ = host
    status, headers, body = await call(f"{url}/v1/api/sync")

    assert (status, body, headers["X-One"]) == (200, b"synchronous", "1")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Set-Cookie"] == "a=b; HttpOnly; Path=/"


async def test_an_exception_is_an_empty_500_and_a_traceback_in_the_log(
    host: tuple[str, Path],
) -> None:
    url, log = host
    status, _, body = await call(f"{url}/v1/api/broken")

    assert (status, body) == (500, b"")
    assert "only for the log" in log.read_text()
    assert re.search(r"ERROR host \[.*\]: [0-9a-f-]{36} GET Broken: 500", log.read_text())


async def test_allowed_origins_get_cors_headers_and_preflights_reach_no_function(
    host: tuple[str, Path],
) -> None:
    url, _ = host
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    status, headers, _ = await call(f"{url}/v1/api/echo/7", method="OPTIONS", headers=asked)
    _, simple, _ = await call(f"{url}/v1/api/sync", headers={"Origin": "https://app.example"})
    _, foreign, _ = await call(f"{url}/v1/api/sync", headers={"Origin": "https://evil.example"})

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert headers["Access-Control-Allow-Methods"] == "POST"
    assert headers["Access-Control-Allow-Headers"] == "authorization"
    assert simple["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Origin" not in foreign


@pytest.mark.parametrize(
    ("code", "route", "complaint"),
    [
        ("import nothing_like_it", "a", "ModuleNotFoundError"),
        (ECHO.replace("req:", "request:"), "a", "function.json"),
        (ECHO, "a/{n:regex(x)}", "constraint 'regex"),
        (ECHO, "taken", "is taken by"),
    ],
)
def test_an_app_that_azure_could_not_load_is_named(
    tmp_path: Path, code: str, route: str, complaint: str
) -> None:
    app = new_app(tmp_path)
    write_function(app, "Bad", code, route, "get")
    write_function(app, "Other", SYNC, "TAKEN", "get")
    process = ended_part("devstack.functions_host", *options(app, free_port()))

    assert process.returncode == 1
    assert complaint in process.stderr
