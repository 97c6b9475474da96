"""Our own requests to ACS and Microsoft's SDK get the same tokens and the same refusals."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError

from shared.identity.acs import IdentityApi
from shared.settings import load
from shared.unavailable import CommunicationRefused, CommunicationUnavailable, IdentityGone
from shared.upstream.clients import Upstream
from shared.upstream.failures import ErrorAnswer
from tests.support.control import Control
from tests.support.stack import Stack

pytestmark = pytest.mark.emulators

SCOPES, MINUTES = frozenset({"chat", "voip"}), 75


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    yield upstream
    await upstream.close()


@pytest.fixture
def api(stack: Stack, upstream: Upstream) -> IdentityApi:
    return IdentityApi(load(stack.settings).upstream, upstream)


@pytest.fixture
async def sdk(stack: Stack) -> AsyncIterator[CommunicationIdentityClient]:
    settings = load(stack.settings).upstream
    key = AzureKeyCredential(str(settings.communication_key))
    async with CommunicationIdentityClient(settings.communication_endpoint, key) as client:
        yield client


def claims(token: str) -> dict[str, object]:
    read: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return {name: read[name] for name in ("skypeid", "scp", "resourceId") if name in read}


async def test_both_get_the_same_tokens(api: IdentityApi, sdk: CommunicationIdentityClient) -> None:
    lifetime = timedelta(minutes=MINUTES)
    user, first = await api.create_user(SCOPES, MINUTES)
    issued = await api.issue_token(user, SCOPES, MINUTES)
    of_sdk = await sdk.get_token(
        CommunicationUserIdentifier(user), sorted(SCOPES), token_expires_in=lifetime
    )
    _, of_creation = await sdk.create_user_and_token(sorted(SCOPES), token_expires_in=lifetime)

    assert claims(first.token) == claims(issued.token) == claims(of_sdk.token)
    assert claims(of_creation.token)["scp"] == claims(first.token)["scp"]
    left = [
        expiry - datetime.now(UTC)
        for expiry in (
            *(first.expires_on, issued.expires_on),
            datetime.fromisoformat(str(of_sdk.expires_on)).astimezone(UTC),
        )
    ]
    assert max(left) <= lifetime
    assert min(left) > lifetime - timedelta(minutes=2)


async def test_both_are_refused_the_same(
    api: IdentityApi, sdk: CommunicationIdentityClient
) -> None:
    user, _ = await api.create_user(SCOPES, MINUTES)
    await api.delete_user(user)

    with pytest.raises(IdentityGone) as gone:
        await api.issue_token(user, SCOPES, MINUTES)
    with pytest.raises(HttpResponseError) as by_sdk:
        await sdk.get_token(CommunicationUserIdentifier(user), sorted(SCOPES))

    ours = gone.value.__cause__
    assert isinstance(ours, ErrorAnswer)
    assert ours.status == by_sdk.value.status_code
    assert ours.code == getattr(by_sdk.value.error, "code", None)


async def test_a_wrong_key_is_told_as_such(stack: Stack, upstream: Upstream) -> None:
    text = stack.settings["COMMUNICATION_CONNECTION_STRING"].partition("accesskey=")[0]
    settings = load({**stack.settings, "COMMUNICATION_CONNECTION_STRING": f"{text}accesskey=QUJD"})
    api = IdentityApi(settings.upstream, upstream)

    with pytest.raises(CommunicationRefused):
        await api.create_user(SCOPES, MINUTES)


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"token": 1}', '{"token": "a"}'])
async def test_an_answer_that_is_none_is_an_outage(
    api: IdentityApi, acs: Control, body: str
) -> None:
    user, _ = await api.create_user(SCOPES, MINUTES)
    await acs.fault("issue", status=200, body=body, times=1)

    with pytest.raises(CommunicationUnavailable):
        await api.issue_token(user, SCOPES, MINUTES)
