"""A signed-in user gets a calling token for an ACS identity that stays theirs."""

import asyncio
import json

import aiohttp
import jwt
import pytest

from tests.support.api import ask, mappings
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.stack import Host, Issuer, Stack, StartHost


async def test_the_first_token_creates_the_identity_and_the_next_keeps_it(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host, token = await start_host(), stack.token("first-token", name="First")
    before = await ask(client, host, "/user", token)
    first = await ask(client, host, "/token", token, method="POST")
    again = await ask(client, await start_host(), "/token", token)
    after = await ask(client, host, "/user", token)

    assert before.json == {
        "id": "first-token",
        "displayName": "First",
        "communicationUserId": None,
        "createdAt": None,
        "roles": [],
    }
    assert first.status == 200
    assert first.headers["Cache-Control"] == "no-store"
    assert set(first.json) == {"token", "expiresOn", "user", "scopes"}
    assert first.json["user"]["id"] == "first-token"
    assert first.json["scopes"] == ["voip"]
    assert first.json["expiresOn"].endswith("Z")
    assert first.user_id == again.user_id == after.json["communicationUserId"]
    assert after.json["createdAt"].endswith("Z")
    claims = jwt.decode(first.json["token"], options={"verify_signature": False})
    assert (f"8:{claims['skypeid']}", claims["acsScope"]) == (first.user_id, "voip")
    assert claims["exp"] - claims["iat"] == 3600


async def test_a_crowd_of_first_requests_over_two_hosts_makes_one_identity(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts = [await start_host(), await start_host()]
    before = await acs.state()
    token = stack.token("crowd")

    replies = await asyncio.gather(*(ask(client, hosts[n % 2], "/token", token) for n in range(64)))

    assert {reply.status for reply in replies} == {200}
    assert len({reply.user_id for reply in replies}) == 1
    assert mappings(stack, "crowd") == [replies[0].user_id]
    after = await acs.state()
    more = (after["created"] - before["created"]) - (after["deleted"] - before["deleted"])
    assert more == or_more(1)


async def test_two_hosts_that_both_create_end_with_one_identity(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts = [await start_host(), await start_host()]
    before = await acs.state()
    token = stack.token("both-create")
    fault = await acs.fault("create", hold="after")
    requests = [asyncio.create_task(ask(client, host, "/token", token)) for host in hosts]
    await acs.held(fault, 2)
    await acs.release(fault)

    first, second = await asyncio.gather(*requests)

    assert first.user_id == second.user_id
    after = await acs.state()
    assert after["created"] - before["created"] == 2
    assert after["deleted"] - before["deleted"] == 1
    for reply in (first, second):
        checked = await acs.introspect(reply.json["token"])
        assert checked["active"]


async def test_scopes_and_lifetime_as_asked_in_query_or_body(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host = await start_host(TOKEN_SCOPES="chat,voip,voip.join", TOKEN_MAX_LIFETIME_MINUTES="120")
    token = stack.token("scopes")

    asked = await ask(client, host, "/token?scope=voip.join,%20chat&expiresInMinutes=120", token)
    body = {"scopes": ["chat"], "expiresInMinutes": 61}
    posted = await ask(client, host, "/token", token, method="POST", json=body)
    plain = await ask(client, host, "/token", token)

    assert asked.json["scopes"] == ["chat", "voip.join"]
    assert posted.json["scopes"] == ["chat"]
    assert plain.json["scopes"] == ["chat", "voip", "voip.join"]
    claims = jwt.decode(posted.json["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 61 * 60


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("/token?scope=video&expiresInMinutes=x&a=1", None, ["scope.0", "expiresInMinutes", "a"]),
        ("/token", {"scopes": ["video"], "b": 1}, ["scopes.0", "b"]),
        ("/token?a=1", {"b": 1}, ["a", "b"]),
        ("/token", {"scopes": "voip", "expiresInMinutes": "60"}, ["scopes", "expiresInMinutes"]),
        ("/token", {"scopes": []}, ["scopes"]),
        ("/token", [], [""]),
        ("/token", {"scopes": ["chat"], "expiresInMinutes": 0}, ["expiresInMinutes"]),
        ("/token", {"scopes": ["chat"], "expiresInMinutes": 61}, ["scopes"]),
        ("/token?expiresInMinutes=5&foo=1", None, ["expiresInMinutes", "foo"]),
        ("/user?x=1", None, ["x"]),
    ],
)
async def test_all_faults_of_a_request_are_told_at_once(
    stack: Stack,
    one_host: Host,
    client: aiohttp.ClientSession,
    path: str,
    body: object,
    fields: list[str],
) -> None:
    method = "GET" if body is None else "POST"
    reply = await ask(client, one_host, path, stack.token("faulty"), method=method, json=body)

    assert reply.status == 400
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in reply.json["errors"]] == fields
    assert reply.json["code"] == "invalid-request"
    assert reply.json["instance"] in one_host.log.read_text()


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b"[" * 20_000, "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b" " * (10 * 1024 * 1024), "application/json", 413),
    ],
)
async def test_a_body_that_is_no_small_json_is_refused(
    stack: Stack,
    one_host: Host,
    client: aiohttp.ClientSession,
    data: bytes,
    content_type: str,
    status: int,
) -> None:
    reply = await ask(
        client,
        one_host,
        "/token",
        stack.token("faulty"),
        method="POST",
        data=data,
        headers={"Content-Type": content_type},
    )

    assert reply.status == status


async def test_a_request_wrong_in_thousands_of_ways_gets_a_small_answer(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    body = {f"{'x' * 80}{n}": 1 for n in range(150)}
    signed_in = await ask(
        client, one_host, "/token", stack.token("faulty"), method="POST", json=body
    )
    query = "&".join(f"a{n}=1" for n in range(100))
    anybody = await ask(client, one_host, f"/health?{query}")
    too_many = await ask(client, one_host, f"/health?{query}&b=1")

    assert (too_many.status, len(too_many.json["errors"])) == (400, 1)
    for reply in (signed_in, anybody):
        assert reply.status == 400
        assert len(reply.json["errors"]) == 21
        assert reply.json["errors"][-1]["message"].endswith("more faults")
        assert int(reply.headers["Content-Length"]) < 5_000


ODD_IDS = [
    "a/b",
    "a\\b",
    "a%2Fb",
    "a%b",
    "o'brien",
    "#?",
    "😀",
    "\u00e9",  # an accented e as one character
    "e\u0301",  # and in two: the same to the eye
    "\x00",
    "\x01\x1f\x7f\x85",
    " ",
    "x" * 256,
    "😀" * 256,
    "alice ",
    "Alice",
    "principal",
]


async def test_any_user_id_is_mapped_and_apart_from_every_other_and_from_other_realms(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    second_issuer: Issuer,
) -> None:
    second = {"AUTH_ISSUER": second_issuer.url, "AUTH_AUDIENCE": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))
    ids = {}
    for realm in (stack.issuer, second_issuer):
        for user in ODD_IDS:
            first = await ask(client, host, "/token", realm.token(user))
            again = await ask(client, host, "/token", realm.token(user))
            assert first.json["user"]["id"] == user
            assert first.user_id == again.user_id
            ids[realm, user] = first.user_id

    assert len(set(ids.values())) == 2 * len(ODD_IDS)


async def test_an_app_gets_its_own_identity_with_the_role_and_nothing_without(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host = await start_host()
    app = {"azp": "daemon", "client_id": "daemon"}
    without = stack.token("daemon", roles=["Other"], scope="Tokens.Issue", **app)
    refused = await ask(client, host, "/token", without)
    granted = await ask(
        client, host, "/token", stack.token("daemon", roles=["Tokens.Issue"], **app)
    )
    person = await ask(client, host, "/token", stack.token("daemon"))
    user = await ask(client, host, "/user", stack.token("daemon", roles=["Tokens.Issue"], **app))

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "Tokens.Issue" in refused.json["detail"]
    assert granted.user_id != person.user_id
    assert user.status == 403


async def test_an_audience_is_good_for_its_own_issuer_only(
    stack: Stack,
    start_host: StartHost,
    client: aiohttp.ClientSession,
    second_issuer: Issuer,
) -> None:
    second = {"issuer": second_issuer.url, "audience": second_issuer.audience}
    host = await start_host(AUTH_ISSUERS=json.dumps([second]))

    good = await ask(client, host, "/user", second_issuer.token("eve"))
    crossed = [
        await ask(client, host, "/user", second_issuer.token("eve", aud=stack.issuer.audience)),
        await ask(client, host, "/user", stack.token("eve", aud=second_issuer.audience)),
    ]

    assert good.status == 200
    assert [reply.status for reply in crossed] == [401, 401]
