"""A Teams user's Entra token is exchanged, and every refusal says what to mend."""

from datetime import timedelta

import aiohttp
import pytest

from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.stack import Host, Stack, StartHost

OID = "11111111-2222-4333-8444-555555555555"
ACS_AUDIENCE = "https://auth.msft.communication.azure.com"


def teams_token(stack: Stack, **changes: object) -> str:
    """As Entra issues it for the stack's Teams app; see `dev.py token USER --teams`."""
    claims = {"aud": ACS_AUDIENCE, "appid": stack.settings["TEAMS_APP_ID"], "oid": OID}
    return stack.token("teams", **{**claims, **changes})


async def exchange(
    client: aiohttp.ClientSession, host: Host, bearer: str, token: str | None
) -> Reply:
    headers = {} if token is None else {"teams-user-aad-token": token}
    return await ask(client, host, "/token/teams", bearer, method="POST", headers=headers)


async def test_a_teams_user_gets_a_token_to_call_as_themselves(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession, acs: Control
) -> None:
    granted = await exchange(client, one_host, stack.token("bridge"), teams_token(stack))
    ready_made = stack.values["teams"]
    also = await exchange(client, one_host, stack.token("bridge"), ready_made["token"])

    assert (granted.status, set(granted.json)) == (200, {"token", "expiresOn"})
    claims = await acs.introspect(granted.json["token"])
    assert claims["active"]
    assert claims["skypeid"] == f"orgid:{OID}"
    assert (await acs.introspect(also.json["token"]))["skypeid"] == f"orgid:{ready_made['userId']}"


REFUSED = {
    "garbage": ({}, "not an Entra access token"),
    "no object id": ({"oid": None}, "not an Entra access token"),
    "expired": ({"lifetime": timedelta(hours=-1)}, "has expired"),
    "another issuer": ({"iss": "https://evil.example"}, "has expired, or is not"),
    "another app": ({"appid": "99999999-0000-4000-8000-000000000000"}, "TEAMS_APP_ID"),
    "an object id that is none": ({"oid": "alice"}, "object id"),
}


@pytest.mark.parametrize(("changes", "hint"), REFUSED.values(), ids=REFUSED)
async def test_a_token_that_acs_does_not_take_is_a_400_that_helps(
    stack: Stack,
    one_host: Host,
    client: aiohttp.ClientSession,
    changes: dict[str, object],
    hint: str,
) -> None:
    token = teams_token(stack, **changes) if changes else "garbage"
    refused = await exchange(client, one_host, stack.token("bridge"), token)

    assert (refused.status, refused.json["code"]) == (400, "teams-token-refused")
    assert hint in refused.json["detail"]
    assert token not in one_host.log.read_text()


async def test_without_the_header_it_says_which(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    missing = await exchange(client, one_host, stack.token("bridge"), None)

    assert (missing.status, missing.json["errors"][0]["field"]) == (400, "teams-user-aad-token")


async def test_without_the_setting_the_rest_works(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    host = await start_host(TEAMS_APP_ID="")
    refused = await exchange(client, host, stack.token("bridge"), teams_token(stack))

    assert (refused.status, refused.json["code"]) == (501, "not-configured")
    assert "TEAMS_APP_ID" in refused.json["detail"]
    assert (await ask(client, host, "/token", stack.token("bridge"))).status == 200


async def test_a_refused_credential_is_not_taken_for_a_refused_teams_token(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    wrong = f"endpoint={stack.values['acs']};accesskey=AAAA"
    host = await start_host(COMMUNICATION_CONNECTION_STRING=wrong)
    refused = await exchange(client, host, stack.token("bridge"), teams_token(stack))

    assert (refused.status, refused.json["code"]) == (503, "communication-refused")


async def test_an_app_is_no_teams_user(
    stack: Stack, one_host: Host, client: aiohttp.ClientSession
) -> None:
    app = stack.token("daemon", azp="daemon", roles=["Tokens.Issue"])

    assert (await exchange(client, one_host, app, teams_token(stack))).status == 403
