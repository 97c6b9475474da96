"""The requests that Microsoft's client sends to ACS for calls of Teams resource accounts."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

from shared.calls.acs import CallAutomationApi
from shared.calls.acs_types import RepeatabilityHeaders

ACCOUNT = "aaaaaaaa-0000-4000-8000-00000000000a"
AGENT = "8:acs:resource_tenant_user"
REPEATABILITY = RepeatabilityHeaders.for_name("call", datetime(2026, 1, 1, tzinfo=UTC))


class Acs:
    """Accepts every request, and keeps its body.

    Attributes:
        source: how it says who calls.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.source: dict[str, Any] | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        status = 202 if request.path.endswith(":add") else 201
        return web.json_response(
            {"callConnectionId": "x", "source": self.source, "operationContext": "c"}, status=status
        )


@pytest.fixture
async def acs() -> Acs:
    return Acs()


@pytest.fixture
async def api(acs: Acs) -> AsyncIterator[CallAutomationApi]:
    app = web.Application()
    app.router.add_post("/{path:.*}", acs.take)
    async with TestServer(app) as server:
        endpoint = str(server.make_url("/")).rstrip("/")
        client = CallAutomationClient(endpoint, AzureKeyCredential("a2V5"))
        async with client:
            yield CallAutomationApi(lambda: client)


async def create(api: CallAutomationApi, account: str | None, caller_id: str | None) -> str | None:
    call = await api.create(
        ["4:+14255550123"],
        "https://app.example/api/callEvents/1",
        caller_id=caller_id,
        account=account,
        speech_endpoint=None,
        repeatability=REPEATABILITY,
    )
    return call.own_id


async def test_a_call_of_an_account_names_the_account_and_nothing_else_of_the_source(
    api: CallAutomationApi, acs: Acs
) -> None:
    await create(api, ACCOUNT, None)

    [body] = acs.bodies
    assert body["teamsAppSource"] == {"appId": ACCOUNT}
    assert not body.keys() & {"source", "sourceCallerIdNumber", "sourceDisplayName"}
    assert body["targets"][0]["phoneNumber"] == {"value": "+14255550123"}


async def test_a_call_without_an_account_names_none(api: CallAutomationApi, acs: Acs) -> None:
    await create(api, None, "+14255550100")

    [body] = acs.bodies
    assert "teamsAppSource" not in body
    assert body["sourceCallerIdNumber"] == {"value": "+14255550100"}


@pytest.mark.parametrize(
    ("source", "own_id"),
    [
        (None, None),
        ({"rawId": f"28:orgid:{ACCOUNT}", "kind": "unknown"}, f"28:orgid:{ACCOUNT}"),
        (
            {"rawId": f"28:orgid:{ACCOUNT}", "microsoftTeamsApp": {"appId": ACCOUNT}},
            f"28:orgid:{ACCOUNT}",
        ),
        ({"rawId": "4:+14255550142", "phoneNumber": {"value": "+14255550142"}}, "4:+14255550142"),
        ({"rawId": "8:acs:r_u", "communicationUser": {"id": "8:acs:r_u"}}, "8:acs:r_u"),
    ],
)
async def test_every_way_in_which_acs_names_the_caller_is_accepted(
    api: CallAutomationApi, acs: Acs, source: dict[str, Any] | None, own_id: str | None
) -> None:
    acs.source = source

    assert await create(api, ACCOUNT, None) == own_id


async def test_an_agent_is_added_as_a_user_of_the_tenant(api: CallAutomationApi, acs: Acs) -> None:
    await api.add_participant("x", AGENT, caller_id=None, context="c", repeatability=REPEATABILITY)

    [body] = acs.bodies
    added = body["participantToAdd"]
    assert added["rawId"] == AGENT
    assert "communicationUser" not in added
    agent = added["teamsExtensionUser"]
    assert (agent["userId"], agent["tenantId"], agent["resourceId"]) == (
        "user",
        "tenant",
        "resource",
    )
    assert not body.keys() & {"sourceCallerIdNumber", "sourceDisplayName"}


async def test_a_user_is_added_as_before(api: CallAutomationApi, acs: Acs) -> None:
    await api.add_participant(
        "x", "8:acs:resource_user", caller_id=None, context="c", repeatability=REPEATABILITY
    )

    [body] = acs.bodies
    assert body["participantToAdd"]["communicationUser"] == {"id": "8:acs:resource_user"}
