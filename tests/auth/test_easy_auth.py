"""Who is admitted by the platform: the principal that Easy Auth passes on."""

import base64
import json
import time

import pytest

from shared.principals import Kind, Principal
from shared.problems import Unauthenticated
from tests.auth.bearer_tokens import (
    TENANT,
    V2,
    authenticator,
    claims,
    entra,
    issuer,
    signed,
)

NOW = int(time.time())
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def principal(*more: tuple[str, str], **changes: str) -> str:
    """An Easy Auth principal of an Entra user, as the platform writes it, with more claims."""
    schema = "http://schemas.microsoft.com/identity/claims"
    found = {
        "iss": V2,
        "aud": "api://v2",
        "iat": str(NOW),
        f"{schema}/objectidentifier": "o-1",
        f"{schema}/tenantid": TENANT,
        "name": "Olga",
        ROLE: "Calls.Manage",
        **changes,
    }
    listed = [{"typ": name, "val": value} for name, value in (*found.items(), *more)]
    return base64.b64encode(json.dumps({"auth_typ": "aad", "claims": listed}).encode()).decode()


async def test_the_platforms_principal_is_believed_when_it_is_on() -> None:
    headers = {"x-ms-client-principal": principal()}
    caller = await authenticator(easy_auth=True).authenticate(headers)

    assert caller.principal == Principal(Kind.USER, f"entra:{TENANT}", "o-1")
    assert caller.display_name == "Olga"
    assert caller.roles == {"Calls.Manage"}


@pytest.mark.parametrize("claim", ["https://x.example/roles", "roles", ROLE])
async def test_all_values_of_a_roles_claim_of_the_platforms_principal_are_read(claim: str) -> None:
    custom = issuer(V2, "api://v2", TENANT, roles_claim=claim)
    named = ROLE if claim == "roles" else claim
    encoded = principal((named, "One"), (named, "Two"), exp=str(NOW + 24 * 3600))

    caller = await authenticator(custom, easy_auth=True).authenticate(
        {"x-ms-client-principal": encoded}
    )

    assert caller.roles - {"Calls.Manage"} == {"One", "Two"}


async def test_spoofed_principals_are_worth_nothing_when_it_is_off() -> None:
    headers = {
        "x-ms-client-principal": principal(),
        "x-ms-client-principal-id": "o-1",
        "x-ms-client-principal-name": "olga",
    }
    with pytest.raises(Unauthenticated):
        await authenticator().authenticate(headers)

    token = signed(claims())
    caller = await authenticator().authenticate({**headers, "authorization": f"Bearer {token}"})
    assert caller.principal.id == "alice"


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "%%%",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"claims":[{}]}').decode(),
        principal(iss="https://evil.example"),
        principal(aud="api://v1"),
        principal(iat="x"),
        principal(exp="x"),
        principal(exp="nan"),
        principal(exp=str(NOW - 3600)),
        principal(**{"http://schemas.microsoft.com/identity/claims/tenantid": "other"}),
    ],
)
async def test_a_malformed_or_foreign_principal_is_refused(encoded: str) -> None:
    with pytest.raises(Unauthenticated):
        await authenticator(easy_auth=True).authenticate({"x-ms-client-principal": encoded})


async def test_a_bearer_token_and_a_principal_must_be_the_same_person() -> None:
    auth = authenticator(easy_auth=True)
    headers = {"x-ms-client-principal": principal(), "authorization": f"Bearer {signed(entra())}"}
    assert (await auth.authenticate(headers)).principal.id == "o-1"

    headers["authorization"] = f"Bearer {signed(claims())}"
    with pytest.raises(Unauthenticated, match="two different people"):
        await auth.authenticate(headers)
