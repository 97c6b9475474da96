"""The managed identity of the stack, asked for its tokens as code in Azure asks App Service."""

import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import jwt
import pytest
from azure.identity import ManagedIdentityCredential
from azure.identity.aio import DefaultAzureCredential

from devstack.well_known import MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_ID
from tests.support.stack import Stack

ACS = "https://communication.azure.com/"
STORAGE = "https://storage.azure.com"
GRAPH = "https://graph.microsoft.com"
GOOD = {"api-version": "2019-08-01", "resource": ACS}
CLIENT_ID = "33333333-cccc-4ccc-8ccc-333333333333"


async def ask(
    client: aiohttp.ClientSession,
    stack: Stack,
    query: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    header = {"X-IDENTITY-HEADER": stack.values["identityHeader"]} if headers is None else headers
    url = stack.values["identityEndpoint"]
    async with client.get(url, params=query, headers=header) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


async def verified(
    client: aiohttp.ClientSession, stack: Stack, token: str, issuer: str, audience: str
) -> dict[str, Any]:
    async with client.get(f"{stack.values['issuer']}/jwks") as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=issuer
    )
    return claims


async def test_the_token_for_acs_is_one_of_the_stacks_issuer(
    stack: Stack, client: aiohttp.ClientSession
) -> None:
    status, answer = await ask(client, stack, GOOD)

    assert status == 200
    assert set(answer) == {"access_token", "expires_on", "resource", "token_type", "client_id"}
    assert (answer["resource"], answer["token_type"]) == (ACS, "Bearer")
    claims = await verified(client, stack, answer["access_token"], stack.values["issuer"], ACS)
    assert (claims["oid"], claims["idtyp"]) == (MANAGED_IDENTITY_ID, "app")
    assert claims["appid"] == answer["client_id"] == MANAGED_IDENTITY_CLIENT_ID
    assert isinstance(answer["expires_on"], str)
    assert abs(int(answer["expires_on"]) - claims["exp"]) <= 1
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert "roles" not in claims


@pytest.mark.parametrize("resource", [GRAPH, f"{GRAPH}/"])
async def test_the_token_for_graph_has_the_role_for_meetings(
    stack: Stack, client: aiohttp.ClientSession, resource: str
) -> None:
    _, answer = await ask(client, stack, {**GOOD, "resource": resource})

    claims = await verified(client, stack, answer["access_token"], stack.values["issuer"], resource)
    assert claims["roles"] == ["OnlineMeetings.ReadWrite.All"]
    assert claims["appid"] == answer["client_id"] == MANAGED_IDENTITY_CLIENT_ID


@pytest.mark.parametrize("resource", [STORAGE, f"{STORAGE}/"])
async def test_the_token_for_storage_has_the_shape_that_azurite_takes(
    stack: Stack, client: aiohttp.ClientSession, resource: str
) -> None:
    _, answer = await ask(client, stack, {**GOOD, "resource": resource})

    entra = f"https://sts.windows.net/{jwt_claims(answer)['tid']}/"
    claims = await verified(client, stack, answer["access_token"], entra, resource)
    assert claims["nbf"] <= time.time() < claims["exp"]


async def test_a_user_assigned_identity_is_asked_for_by_its_client_id(
    stack: Stack, client: aiohttp.ClientSession
) -> None:
    _, answer = await ask(client, stack, {**GOOD, "client_id": CLIENT_ID})

    assert answer["client_id"] == jwt_claims(answer)["appid"] == CLIENT_ID


@pytest.mark.parametrize(
    "headers", [{}, {"X-IDENTITY-HEADER": ""}, {"X-IDENTITY-HEADER": "guessed"}]
)
async def test_a_client_without_the_header_gets_nothing(
    stack: Stack, client: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    status, answer = await ask(client, stack, GOOD, headers)

    assert status == 401
    assert set(answer) == {"statusCode", "message"}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"resource": ""}, "resource"),
        ({"resource": "https://comunication.azure.com/"}, "https://communication.azure.com"),
        ({"resource": f"{ACS}/"}, "resource"),
        ({"api-version": "2017-09-01"}, "api-version"),
        ({"api-version": ""}, "api-version"),
        ({"client_id": "alice"}, "client_id"),
        ({"mi_res_id": "/subscriptions/x"}, "mi_res_id"),
    ],
)
async def test_what_it_cannot_do_is_refused_and_named(
    stack: Stack, client: aiohttp.ClientSession, changed: dict[str, str], named: str
) -> None:
    status, answer = await ask(client, stack, {**GOOD, **changed})

    assert (status, answer["statusCode"]) == (400, 400)
    assert named in answer["message"]


async def test_microsofts_credentials_get_their_tokens(
    stack: Stack, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.values["managedIdentitySettings"][name])
    scope = f"{ACS}/.default"  # as the ACS clients spell it

    with ManagedIdentityCredential() as blocking:
        first = blocking.get_token(scope)
    async with DefaultAzureCredential() as credential:
        second = await credential.get_token(scope)

    for token in (first, second):
        await verified(client, stack, token.token, stack.values["issuer"], ACS)
        assert 23 * 3600 < token.expires_on - time.time() <= 24 * 3600


def jwt_claims(answer: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(answer["access_token"], options={"verify_signature": False})
    return claims
