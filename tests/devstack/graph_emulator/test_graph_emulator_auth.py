"""The tokens that the emulator accepts, and its answers to all others."""

import re
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.devstack.emulator_fixtures import Answer, TokenIssuer
from tests.devstack.graph_emulator.graph_fixtures import (
    ALICE,
    GOOD_CLAIMS,
    GraphCaller,
    calling,
    emulator,
    graph,
    issuer,
    meetings_of,
    running_graph,
)

__all__ = ["emulator", "graph", "issuer"]

READ_ONLY = {"roles": ["OnlineMeetings.Read.All"]}


async def post(graph: GraphCaller, token: str | None, **headers: str) -> Answer:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    headers["Content-Type"] = "application/json"
    return await graph.send("POST", meetings_of(ALICE), b"{}", headers=headers)


@pytest.mark.parametrize(
    "audience", ["https://graph.microsoft.com", "https://graph.microsoft.com/"]
)
async def test_a_token_of_an_app_with_the_role_is_accepted(
    graph: GraphCaller, issuer: TokenIssuer, audience: str
) -> None:
    token = issuer.token(**GOOD_CLAIMS, aud=audience, filler="x" * 12_000)

    assert (await post(graph, token)).status == 201


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"aud": "https://communication.azure.com/"}, "Invalid audience"),
        ({"aud": "https://graph.microsoft.com//"}, "Invalid audience"),
        ({"aud": ["https://graph.microsoft.com"]}, "Invalid audience"),
        ({"aud": None}, "Invalid audience"),
        ({"exp": 1}, "the token is expired"),
        ({"exp": None}, "validation failure"),
        ({"iss": "http://elsewhere"}, "validation failure"),
        ({"nbf": 2**33}, "validation failure"),
    ],
    ids=str,
)
async def test_other_claims_are_no_authentication(
    graph: GraphCaller, issuer: TokenIssuer, claims: dict[str, Any], message: str
) -> None:
    answer = await post(graph, issuer.token(**{**GOOD_CLAIMS, **claims}))

    assert answer.error[:2] == (401, "InvalidAuthenticationToken")
    assert message in answer.error[2]
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_other_signatures_are_no_authentication(
    graph: GraphCaller, issuer: TokenIssuer
) -> None:
    good = issuer.token(**GOOD_CLAIMS)
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = [
        jwt.encode(claims, "", "none", headers={"kid": issuer.kid}),
        jwt.encode(claims, issuer.key, "RS512", headers={"kid": issuer.kid}),
        issuer.token(**GOOD_CLAIMS, header={"kid": "unknown"}),
        good[:-8] + "AAAAAAAA",
        good.rsplit(".", 1)[0],
        "garbage",
    ]

    for token in forged:
        assert (await post(graph, token)).error[:2] == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer ", "Basic eDp5"])
async def test_without_a_token_there_is_no_authentication(
    graph: GraphCaller, authorization: str | None
) -> None:
    given = {} if authorization is None else {"Authorization": authorization}

    answer = await post(graph, None, **given)

    assert answer.error[:3] == (401, "InvalidAuthenticationToken", "Access token is empty.")


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": None},
        {"roles": []},
        {"roles": ["Calendars.ReadWrite"]},
        {"roles": "OnlineMeetings.ReadWrite.All"},
        {"roles": None, "scp": "OnlineMeetings.ReadWrite"},  # a user's own: not in this emulator
        READ_ONLY,
    ],
    ids=str,
)
async def test_without_the_role_nothing_is_created(
    graph: GraphCaller, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    answer = await post(graph, issuer.token(**{**GOOD_CLAIMS, **claims}))

    assert answer.error[:2] == (403, "Forbidden")
    assert (await graph.state())["meetings"] == []


async def test_the_reading_role_reads_and_no_more(graph: GraphCaller, issuer: TokenIssuer) -> None:
    meeting = await graph.create()
    graph.bearer = issuer.token(**{**GOOD_CLAIMS, **READ_ONLY})

    assert (await graph.call("GET", f"/{meeting['id']}")).status == 200
    assert (await graph.find("JoinWebUrl", meeting["joinWebUrl"])).status == 200
    for method, path in (
        ("PATCH", f"/{meeting['id']}"),
        ("DELETE", f"/{meeting['id']}"),
        ("POST", "/createOrGet"),
    ):
        answer = await graph.call(method, path, {"externalId": "x"})
        assert answer.error[:2] == (403, "Forbidden")


async def test_a_token_cannot_be_judged_without_its_issuer(
    tmp_path: Path, issuer: TokenIssuer
) -> None:
    nobody = "http://127.0.0.1:9"
    with running_graph(tmp_path, nobody) as emulator:
        async with calling(emulator, issuer) as graph:
            answer = await graph.call("POST", "", {})

    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert f"no keys from {nobody}" in emulator.log


class TestEveryAnswer:
    async def test_says_which_request_it_is_to(self, graph: GraphCaller) -> None:
        mine = str(uuid.uuid4())

        answer = await graph.call("POST", "", [], headers={"client-request-id": mine})
        other = await graph.call("POST", "", [])

        inner = answer.json["error"]["innerError"]
        assert inner["client-request-id"] == answer.headers["client-request-id"] == mine
        assert inner["request-id"] == answer.headers["request-id"] != mine
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner["date"])
        assert other.headers["client-request-id"] == other.headers["request-id"]
        assert (await graph.call("POST", "", {})).headers["request-id"]

    @pytest.mark.parametrize(
        ("method", "target", "expected"),
        [
            ("GET", "/v1.0/users", (400, "BadRequest")),
            ("GET", f"/beta/users/{ALICE}/onlineMeetings", (400, "BadRequest")),
            ("PUT", f"/v1.0/users/{ALICE}/onlineMeetings", (405, "MethodNotAllowed")),
        ],
    )
    async def test_has_graphs_shape_also_where_there_is_nothing(
        self, graph: GraphCaller, method: str, target: str, expected: tuple[int, str]
    ) -> None:
        answer = await graph.send(method, target)

        assert answer.error[:2] == expected
        assert answer.json["error"]["innerError"].keys() == {
            "date",
            "request-id",
            "client-request-id",
        }

    async def test_keeps_the_token_out_of_the_log(self, graph: GraphCaller) -> None:
        await graph.create()

        await post(graph, graph.bearer[:-8] + "AAAAAAAA")

        assert "refused: bearer token" in graph.emulator.log
        assert graph.bearer.split(".")[1] not in graph.emulator.log
