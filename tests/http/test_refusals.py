"""Over HTTP: the callers who are not admitted, and the cost of a refusal."""

import asyncio
import base64
import itertools
import json
import re

import aiohttp
import pytest

from tests.http.forged_tokens import FORGED, part
from tests.support.api import ask
from tests.support.stack import ROOT, Host, Stack, StartHost

# The last two prove the sender.
OPEN = {"Health", "OpenApi", "ApiDocs", "CallEvents", "IncomingCall"}
FOR_APPS = {
    "IssueToken",
    "RevokeTokens",
    "RegisterBot",
    "RemoveBot",
    "IssueBotToken",
    "RevokeBotTokens",
    "ScheduleMeeting",
    "CancelMeeting",
    "PlaceCall",
    "GetCall",
    "HangUp",
    "InviteToCall",
    "RemoveFromCall",
    "PlayAudio",
    "CollectTones",
}


def routes(besides: set[str]) -> list[tuple[str, str]]:
    """Method and path of every route, except those of some functions."""
    return [
        (method.upper(), "/" + re.sub(r"\{\w+\??\}", "x", trigger["route"]))
        for declared in sorted(ROOT.glob("*/function.json"))
        if declared.parent.name not in besides
        for trigger in json.loads(declared.read_text("utf-8"))["bindings"][:1]
        if trigger["type"] == "httpTrigger"
        for method in trigger["methods"]
    ]


async def test_a_forged_token_is_refused_over_http_too(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    """Each route gets one of them; tests/fuzz/test_forged_tokens.py has all for each."""
    tokens = [forge(stack.issuer) for forge in FORGED.values()]

    # All at once: the service looks for the keys of only a few tokens that may be signed with a
    # newer key.
    asked = (
        ask(client, one_host, path, token, method=method)
        for (method, path), token in zip(
            routes(besides=OPEN), itertools.cycle(tokens), strict=False
        )
    )
    for reply in await asyncio.gather(*asked):
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_')
    log = one_host.log.read_text()
    assert [name for name, token in zip(FORGED, tokens, strict=True) if token in log] == []


@pytest.mark.parametrize(("method", "path"), routes(besides=OPEN))
async def test_a_route_is_for_those_who_are_signed_in(
    one_host: Host, client: aiohttp.ClientSession, method: str, path: str
) -> None:
    reply = await ask(client, one_host, path, method=method)

    assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("method", "path"), routes(besides=OPEN | FOR_APPS))
async def test_a_route_for_people_refuses_an_app_whatever_its_roles(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, method: str, path: str
) -> None:
    roles = ["Tokens.Issue", "Bots.Operate", "Calls.Manage"]
    app = stack.token("daemon", roles=roles, azp="daemon")

    reply = await ask(client, one_host, path, app, method=method)

    assert (reply.status, reply.json["code"]) == (403, "forbidden")


WITH_BODIES = [one for one in routes(besides=OPEN) if one[0] in ("POST", "PUT")]
ROLES = [
    *("Agents.Manage", "Bots.Operate", "Calls.Manage"),
    *("Calls.Record", "Meetings.Schedule", "Tokens.Issue"),
]


@pytest.mark.parametrize(("method", "path"), WITH_BODIES)
async def test_a_body_that_is_too_long_or_of_another_type_is_refused(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, method: str, path: str
) -> None:
    bearer, as_json = stack.token("sender", roles=ROLES), {"Content-Type": "application/json"}

    async def send(body: bytes, headers: dict[str, str] = as_json) -> int:
        reply = await ask(client, one_host, path, bearer, method=method, headers=headers, data=body)
        return reply.status

    assert await send(b" " * 10 * 1024 * 1024) == 413
    for body in (b"[1]", b'"text"', b"7", b"{", b"\xff", b'{"unknown": 1}'):
        assert await send(body) == 400, body
    assert await send(b"{}", {"Content-Type": "text/plain"}) == 415


async def test_no_token_and_spoofed_platform_headers_are_refused(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    claims = [{"typ": "iss", "val": stack.issuer.url}, {"typ": "sub", "val": "alice"}]
    principal = base64.b64encode(json.dumps({"claims": claims}).encode()).decode()
    spoofed = {
        "X-MS-CLIENT-PRINCIPAL": principal,
        "X-MS-CLIENT-PRINCIPAL-ID": "alice",
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
    }
    for headers in ({}, spoofed):
        reply = await ask(client, one_host, "/token", headers=headers)
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


async def test_easy_auth_is_trusted_only_while_the_platform_says_it_is_on(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    claims = {"iss": stack.issuer.url, "aud": stack.issuer.audience, "sub": "eve", "iat": "1"}
    listed = [{"typ": name, "val": value} for name, value in claims.items()]
    principal = base64.b64encode(json.dumps({"claims": listed}).encode()).decode()
    headers = {"X-MS-CLIENT-PRINCIPAL": principal}
    switched_on = await start_host(AUTH_EASY_AUTH="true")
    platform = await start_host(AUTH_EASY_AUTH="true", WEBSITE_AUTH_ENABLED="True")

    assert (await ask(client, switched_on, "/user", headers=headers)).status == 401
    admitted = await ask(client, platform, "/user", headers=headers)
    assert (admitted.status, admitted.json["id"]) == (200, "eve")
    contradicted = await ask(client, platform, "/user", stack.token("alice"), headers=headers)
    assert contradicted.status == 401


async def test_a_hundred_unknown_key_ids_ask_the_issuer_a_few_times(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    await ask(client, one_host, "/user", stack.token("alice"))  # the issuer's keys are known
    log = stack.folder / "logs" / "issuer.log"
    before = log.read_text().count("GET /jwks")

    _, body, signature = stack.token("mallory").split(".")
    refused = 0
    for n in range(100):
        head = part({"alg": "RS256", "kid": f"unknown-{n}"})
        reply = await ask(client, one_host, "/user", f"{head}.{body}.{signature}")
        if reply.status == 401:
            refused += 1
        else:  # nobody has looked for it, so nobody can say that it is not there
            assert (reply.status, reply.json["code"]) == (503, "issuer-unavailable")
            assert 0 < int(reply.headers["Retry-After"]) <= 20

    # At least one: without asking, the service cannot know that a key does not exist.
    assert 1 <= log.read_text().count("GET /jwks") - before == refused <= 8
    known = await ask(client, one_host, "/user", stack.token("alice"))
    assert known.status == 200
