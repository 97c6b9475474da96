"""An identity that ACS no longer knows is replaced; a refused credential replaces nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from azure.communication.identity import CommunicationIdentityClient, CommunicationUserIdentifier
from azure.core.credentials import AzureKeyCredential

from devstack.well_known import ACS_ACCESS_KEY
from tests.support.acs_resource import acs_resource
from tests.support.api import ask, mappings, recorded
from tests.support.control import Control
from tests.support.patience import or_more
from tests.support.stack import Host, Stack, StartHost


def delete_behind_our_back(stack: Stack, user_id: str) -> None:
    key = AzureKeyCredential(ACS_ACCESS_KEY)
    client = CommunicationIdentityClient(stack.values["acs"], key)
    client.delete_user(CommunicationUserIdentifier(user_id))


async def test_a_deleted_identity_is_replaced_by_one_for_all_who_ask(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    hosts, token = [await start_host(), await start_host()], stack.token("lost", name="Lost")
    dead = await ask(client, hosts[0], "/token", token)
    delete_behind_our_back(stack, dead.user_id)
    before = await acs.state()

    path = "/token?expiresInMinutes=61"
    replies = await asyncio.gather(*(ask(client, hosts[n % 2], path, token) for n in range(16)))

    assert {reply.status for reply in replies} == {200}
    assert len({reply.user_id for reply in replies}) == 1
    assert replies[0].user_id != dead.user_id
    assert mappings(stack, "lost") == [replies[0].user_id]
    assert recorded(stack, "lost") == 1
    after = await acs.state()
    more = (after["created"] - before["created"]) - (after["deleted"] - before["deleted"])
    assert more == or_more(1)
    for host in hosts:  # nothing of the dead one is left in a cache
        fresh = await ask(client, host, "/token", token)
        assert (await acs.introspect(fresh.json["token"]))["active"]
    assert (await ask(client, hosts[0], "/user", token)).json["displayName"] == "Lost"
    assert "was replaced" in "".join(host.log.read_text() for host in hosts)


async def test_a_refused_credential_replaces_nothing(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    token = stack.token("kept")
    kept = await ask(client, await start_host(), "/token", token)
    wrong = f"endpoint={stack.values['acs']};accesskey=AAAA"
    refused = await ask(
        client, await start_host(COMMUNICATION_CONNECTION_STRING=wrong), "/token", token
    )

    assert (refused.status, refused.json["code"]) == (503, "communication-refused")
    assert mappings(stack, "kept") == [kept.user_id]


@pytest.fixture
def recreated_resource(stack: Stack, tmp_path: Path) -> Iterator[str]:
    """Another ACS resource under the same host name; its connection string."""
    with acs_resource(stack, tmp_path, "bbbbbbbb-0000-4000-8000-000000000001") as url:
        yield f"endpoint={url};accesskey={ACS_ACCESS_KEY}"


async def test_an_app_pointed_at_a_recreated_resource_heals_user_by_user(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, recreated_resource: str
) -> None:
    token = stack.token("moved")
    # Without the resource's id its host name names it, and that stays when it is recreated.
    unnamed = {"COMMUNICATION_RESOURCE_ID": "", "CALLBACK_BASE_URL": ""}
    before = await start_host(**unnamed)
    after = await start_host(**unnamed, COMMUNICATION_CONNECTION_STRING=recreated_resource)
    old = await ask(client, before, "/token", token)
    new = await ask(client, after, "/token", token)

    assert new.user_id.startswith("8:acs:bbbbbbbb-")
    assert old.user_id != new.user_id
    assert mappings(stack, "moved") == [new.user_id]


async def test_who_is_erased_before_coming_to_a_new_resource_leaves_nothing_at_the_old(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, recreated_resource: str
) -> None:
    token = stack.token("left behind")
    await ask(client, await start_host(), "/token", token)
    moved = await start_host(
        COMMUNICATION_RESOURCE_ID="bbbbbbbb-0000-4000-8000-000000000001",
        COMMUNICATION_CONNECTION_STRING=recreated_resource,
    )

    assert (await ask(client, moved, "/user", token, method="DELETE")).status == 204
    assert mappings(stack, "left behind") == []
    assert (await ask(client, moved, "/token", token)).status == 401


async def test_an_acs_that_knows_nobody_does_not_make_us_create_without_end(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    token, before = stack.token("confused"), await acs.state()
    await ask(client, one_host, "/token", token)
    gone = {"error": {"code": "IdentityNotFound", "message": "Provided identity doesn't exist."}}
    await acs.fault("issue", status=404, body=gone)
    replies = [
        await ask(client, one_host, f"/token?expiresInMinutes={61 + n}", token) for n in range(12)
    ]
    await acs.clear()
    await acs.fault("issue", status=404, body="<html>a gateway's own</html>")
    gateway = await ask(client, one_host, "/token?expiresInMinutes=99", token)
    await acs.clear()

    # Three new identities within a minute, each with its first token.
    assert [reply.status for reply in replies] == [200] * 3 + [429] * 9
    assert {reply.json["code"] for reply in replies[3:]} == {"throttled"}
    assert (gateway.status, gateway.json["code"]) == (503, "communication-unavailable")
    after = await acs.state()
    assert after["created"] - before["created"] == 1 + 3
    assert len(mappings(stack, "confused")) == 1


async def test_with_resource_ids_two_resources_live_side_by_side(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, recreated_resource: str
) -> None:
    token = stack.token("two resources")
    first = await start_host()
    second = await start_host(
        COMMUNICATION_RESOURCE_ID="bbbbbbbb-0000-4000-8000-000000000001",
        COMMUNICATION_CONNECTION_STRING=recreated_resource,
    )
    ids = [(await ask(client, host, "/token", token)).user_id for host in (first, second, first)]

    assert ids[0] == ids[2] != ids[1]
    assert sorted(mappings(stack, "two resources")) == sorted(ids[:2])
    assert (await ask(client, first, "/user", token, method="DELETE")).status == 204
    assert mappings(stack, "two resources") == []
