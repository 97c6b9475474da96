"""If something goes wrong around the hooks of azd, a sentence says so, with exit code 1, and
without a traceback."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.hooks import __main__ as hooks
from infra.hooks.rest import HookError, Rest
from tests.support.pages import page
from tests.support.stack import ROOT

CANARY = "canary-for-event-grid-with-32-characters"
ARM_ID = "/subscriptions/s/providers/Microsoft.Communication/x"
VALUES = {
    "AZURE_ENV_NAME": "dev",
    "AZURE_SUBSCRIPTION_ID": "a-subscription",
    "AZURE_TENANT_ID": "a-tenant",
    "PAGE_URL": "https://page.example",
    "COMMUNICATION_ARM_ID": ARM_ID,
    "EVENT_GRID_KEY": CANARY,
}
JSON = "application/json"
ENTITY = '{"id": "1", "appId": "2"}'

# Answers that no API of Azure gives, but a proxy in between does: status, type and text.
MALFORMED = {
    "nothing": (200, JSON, ""),
    "half of it": (200, JSON, '{"value": [{"id": "1"'),
    "no UTF-8": (200, JSON, b"\xff\xfe{"),
    "very deep": (200, JSON, "[" * 100_000),
    "a page": (200, "text/html", "<html>sign in</html>"),
    "null": (200, JSON, "null"),
    "a text": (200, JSON, '"value"'),
    "a list": (200, JSON, "[]"),
    "an empty object": (200, JSON, "{}"),
    "nulls": (200, JSON, '{"value": null, "id": null, "appId": null, "properties": null}'),
    "other types": (200, JSON, '{"value": {}, "id": 1, "appId": [], "properties": "x"}'),
    "null for a registration": (200, JSON, '{"value": [null], "properties": []}'),
    "no ids": (200, JSON, '{"value": [{"api": {}}], "properties": {"provisioningState": 7}}'),
    "a redirect": (302, "text/html", ""),
    "an error that is a page": (403, "text/html", "<html>proxy</html>"),
    "an error that is broken": (400, JSON, '{"error": {"code": '),
    "an error that is a text": (409, JSON, '{"error": "no"}'),
    "down, and broken": (503, JSON, "{"),
}
# Inside of a registration that is there.
MALFORMED_PARTS = [
    '"api": 1',
    '"api": {"oauth2PermissionScopes": {}}',
    '"api": {"oauth2PermissionScopes": [{"value": "x"}]}',
    '"api": {"preAuthorizedApplications": [{}]}',
    '"appRoles": ["x"]',
    '"appRoles": [{"value": "x"}]',
    '"identifierUris": "api://x"',
    '"identifierUris": [1]',
    '"spa": []',
    '"spa": {"redirectUris": [null]}',
]

type Handler = Callable[[web.Request], web.Response]


async def no_pause(_seconds: float) -> None:
    pass


async def a_token() -> str:
    return "a-token"


async def make_no_tables() -> int:
    return 1


def today() -> datetime:
    return datetime(2026, 11, 28, tzinfo=UTC)


def keep_nothing(_name: str, _value: str) -> None:
    pass


async def run(
    name: str, rest: Rest, session: aiohttp.ClientSession, values: Mapping[str, str]
) -> None:
    match name:
        case "preprovision":
            await hooks.preprovision(rest, rest, values, keep_nothing, today)
        case "postprovision":
            await hooks.postprovision(rest, values, make_no_tables)
        case "postdeploy":
            await hooks.postdeploy(rest, session, values)
        case "postdown":
            await hooks.postdown(rest, values)


def exit_code(name: str, handler: Handler, values: Mapping[str, str] = VALUES) -> int:
    """Of the hook, with a server that answers so in the place of Azure, and of the app."""

    async def answer(request: web.Request) -> web.Response:
        return handler(request)

    async def work() -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            url = str(server.make_url("")).rstrip("/")
            rest = Rest(session, url, a_token, no_pause)
            await run(name, rest, session, {"APP_URL": url, **values})

    return hooks.ended(name, work())


def answered(status: int, kind: str, text: str | bytes) -> web.Response:
    body = text if isinstance(text, bytes) else text.encode()
    headers = {"Content-Type": kind, "Location": "https://elsewhere.example"}
    return web.Response(status=status, body=body, headers=headers)


def told(capsys: pytest.CaptureFixture[str], name: str) -> str:
    """The one line in which a hook says why it could not go on."""
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}: ")
    assert "a-token" not in line
    assert CANARY not in line
    return line


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize("name", ["preprovision", "postprovision", "postdown"])
def test_a_malformed_answer_of_graph_is_told(
    name: str, malformed: tuple[int, str, str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(name, lambda _request: answered(*malformed)) == 1
    told(capsys, name)


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_new_registration_without_ids_is_told(
    malformed: tuple[int, str, str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(request: web.Request) -> web.Response:
        if request.method == "GET":
            return answered(200, JSON, '{"value": []}')
        return answered(*malformed)

    assert exit_code("preprovision", handler) == 1
    told(capsys, "preprovision")


@pytest.mark.parametrize("part", MALFORMED_PARTS)
def test_a_registration_with_a_malformed_part_is_told(
    part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = f'{{"value": [{ENTITY.removesuffix("}")}, {part}}}]}}'

    assert exit_code("preprovision", lambda _request: answered(200, JSON, found)) == 1
    assert " of the answer with the registrations" in told(capsys, "preprovision")


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_about_event_grid_is_told(
    malformed: tuple[int, str, str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(request: web.Request) -> web.Response:
        if request.path == "/api/health/ready":
            return web.Response()
        if request.path == "/api/user":
            return web.Response(status=401)
        if request.path.endswith("/Microsoft.EventGrid"):
            return web.json_response({"registrationState": "Registered"})
        return answered(*malformed)

    assert exit_code("postdeploy", handler) == 1
    told(capsys, "postdeploy")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"x" * 1_000_000], ids=["no UTF-8", "long"])
def test_an_app_that_answers_nonsense_is_told(
    text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def handler(_request: web.Request) -> web.Response:
        return answered(500, "text/plain; charset=nonsense", text)

    assert exit_code("postdeploy", handler) == 1
    assert len(told(capsys, "postdeploy")) < 500


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("preprovision", "AZURE_SUBSCRIPTION_ID", ""),
        ("preprovision", "AZURE_ENV_NAME", " "),
        ("postprovision", "PAGE_URL", ""),
        ("postprovision", "PAGE_URL", "page.example"),
        ("postprovision", "PAGE_URL", "https://[page"),
        ("postprovision", "AZURE_ENV_NAME", ""),
        ("postdeploy", "APP_URL", ""),
        ("postdeploy", "APP_URL", "/api"),
        ("postdeploy", "COMMUNICATION_ARM_ID", ""),
        ("postdeploy", "COMMUNICATION_ARM_ID", ".elsewhere.example/x"),
        ("postdeploy", "EVENT_GRID_KEY", ""),
        ("postdown", "AZURE_ENV_NAME", ""),
    ],
)
def test_a_missing_or_wrong_value_is_told_before_anything_is_asked(
    name: str, variable: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=500)

    assert exit_code(name, handler, {**VALUES, variable: value}) == 1
    assert told(capsys, name).startswith(f"{name}: {variable} ")
    assert asked == []


@pytest.mark.parametrize("token", ["nonsense", "", "{}", jwt.encode({"tid": 1}, "k" * 32)])
def test_a_token_that_names_no_tenant_is_told(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def given() -> str:
        return token

    async def work() -> None:
        await hooks.tenant_of(given)

    assert hooks.ended("preprovision", work()) == 1
    assert "AZURE_TENANT_ID" in capsys.readouterr().err


# Stands for azd: notes how it is started, and what is in the file that it is handed.
AZD = """#!{python}
import json, os, stat, sys
file = sys.argv[-1] if "--file" in sys.argv else None
noted = dict(arguments=sys.argv[1:])
if file:
    noted["modes"] = [oct(stat.S_IMODE(os.stat(p).st_mode)) for p in (file, os.path.dirname(file))]
    noted["text"] = open(file).read()
json.dump(noted, open({noted!r}, "w"))
sys.exit({code})
"""


def started(
    tmp_path: Path, *arguments: str, azd: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Python, on a machine whose azd ends with this exit code; without one if None."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if azd is not None:
        text = AZD.format(python=sys.executable, noted=str(tmp_path / "noted.json"), code=azd)
        (folder / "azd").write_text(text, "utf-8")
        (folder / "azd").chmod(0o755)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": str(folder), "TMPDIR": str(tmp_path), **VALUES},
        capture_output=True,
        text=True,
        check=False,
    )


KEEP = """
import os, sys
from infra.hooks import __main__ as hooks
async def work() -> None:
    hooks.keep("EVENT_GRID_KEY", os.environ["EVENT_GRID_KEY"])
sys.exit(hooks.ended("preprovision", work()))
"""


def test_a_key_is_kept_without_being_an_argument_of_a_process(tmp_path: Path) -> None:
    assert started(tmp_path, "-c", KEEP).returncode == 0

    noted = json.loads((tmp_path / "noted.json").read_text("utf-8"))
    assert noted["arguments"][:3] == ["env", "set", "--file"]
    assert CANARY not in str(noted["arguments"])
    assert noted["text"] == f"EVENT_GRID_KEY='{CANARY}'\n"
    assert noted["modes"] == ["0o600", "0o700"]
    file = Path(noted["arguments"][-1])
    assert not file.exists()
    assert file.parent.name.startswith(hooks.FOLDER_PREFIX)
    assert f"/{hooks.FOLDER_PREFIX}*" in page("deploy.md")


@pytest.mark.slow
@pytest.mark.parametrize("azd", [1, None], ids=["refuses", "is missing"])
def test_an_azd_that_keeps_nothing_is_told(tmp_path: Path, azd: int | None) -> None:
    ran = started(tmp_path, "-c", KEEP, azd=azd)

    assert ran.returncode == 1
    assert ran.stderr.startswith("preprovision: azd ")
    assert len(ran.stderr.splitlines()) == 1
    assert CANARY not in ran.stderr


@pytest.mark.parametrize("value", ["two\nlines", "it's", "a\0b"])
def test_a_value_that_azd_would_read_otherwise_is_not_handed_over(value: str) -> None:
    with pytest.raises(HookError, match="AUTH_CLIENT_ID"):
        hooks.keep("AUTH_CLIENT_ID", value)


@pytest.mark.slow
def test_a_machine_where_nobody_is_signed_in_is_told(tmp_path: Path) -> None:
    ran = started(tmp_path, "-m", "infra.hooks", "postdown", azd=1)

    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert ran.stderr.endswith("\npostdown: azd gives no token: azd auth login\n")


@pytest.mark.parametrize("arguments", [[], ["predeploy"], ["postdown", "postdown"]])
def test_a_hook_that_there_is_not_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert hooks.main(arguments) == 2
    assert "one of preprovision, postprovision, postdeploy, postdown" in capsys.readouterr().err
