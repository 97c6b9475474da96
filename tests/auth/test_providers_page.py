"""The settings of docs/sign-in.md, one provider after the other, let the right people and apps in.

No token here is of a real provider: each is signed here, in the form that the provider documents.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from shared.principals import Kind
from shared.settings import load
from shared.settings_reader import SettingsError
from tests.auth.bearer_tokens import TENANT, authenticator, claims, refusal, signed
from tests.project.settings_world import GOOD
from tests.support.pages import page

PAGE = page("sign-in.md")
# What people put in the place of the page's placeholders; longer ones first.
OWN = {
    "YOUR-TENANT.eu.auth0.com": "us.eu.auth0.com",
    "YOUR-API-IDENTIFIER": "api-1",
    "YOUR-CLIENT-ID": "api-1",
    "YOUR-NAMESPACE": "us.example",
    "YOUR-TENANT": "us",
    "YOUR-POLICY": "B2C_1_signin",
    "YOUR-PROJECT": "api-1",
    "YOUR-REALM": "main",
    "YOUR-HOST": "id.example",
    "YOUR-API": "api-1",
    "TENANT-ID": TENANT,
}


class Provider(NamedTuple):
    """What a provider puts into the access tokens of this API.

    Attributes:
        person: claims of a token of the person `alice` with the app role `Calls.Manage`.
        app: claims of a token of an app that signed in as itself; None if there are none.
        realm: of both.
    """

    iss: str
    realm: str
    person: dict[str, object]
    app: dict[str, object] | None
    role: str = "Calls.Manage"


ENTRA = {"tid": TENANT, "ver": "2.0", "azp": "c-1"}
PROVIDERS = {
    "Microsoft Entra ID": Provider(
        iss=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        realm=f"entra:{TENANT}",
        person=ENTRA
        | {"sub": "pairwise", "oid": "alice", "scp": "access_as_user", "roles": ["Calls.Manage"]},
        app=ENTRA | {"sub": "o-2", "oid": "o-2", "azpacr": "1", "roles": ["Calls.Manage"]},
    ),
    "Entra External ID": Provider(
        iss=f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0",
        realm=f"entra:{TENANT}",
        person=ENTRA
        | {"sub": "pairwise", "oid": "alice", "scp": "access_as_user", "roles": ["Calls.Manage"]},
        app=ENTRA | {"sub": "o-2", "oid": "o-2", "azpacr": "1", "roles": ["Calls.Manage"]},
    ),
    "Azure AD B2C": Provider(
        iss=f"https://us.b2clogin.com/{TENANT}/v2.0/",
        realm=f"https://us.b2clogin.com/{TENANT}/v2.0/",
        person={"sub": "alice", "tfp": "B2C_1_signin", "scp": "read access_as_user", "azp": "c-1"},
        app={"sub": "o-2", "tfp": "B2C_1_signin", "scp": "app.read", "azp": "c-2"},
        role="",
    ),
    "Auth0": Provider(
        iss="https://us.eu.auth0.com/",
        realm="https://us.eu.auth0.com/",
        person={
            "sub": "alice",
            "aud": ["api-1", "https://us.eu.auth0.com/userinfo"],
            "azp": "c-1",
            "scope": "openid profile",
            "https://us.example/roles": ["Calls.Manage"],
        },
        app={
            "sub": "c-2@clients",
            "azp": "c-2",
            "gty": "client-credentials",
            "https://us.example/roles": ["Calls.Manage"],
        },
    ),
    "Keycloak": Provider(
        iss="https://id.example/realms/main",
        realm="https://id.example/realms/main",
        person={
            "sub": "alice",
            "aud": ["account", "api-1"],
            "azp": "web",
            "preferred_username": "alice.adams",
            "resource_access": {"api-1": {"roles": ["Calls.Manage"]}},
        },
        app={
            "sub": "o-2",
            "azp": "night-job",
            "clientHost": "10.0.0.1",
            "preferred_username": "service-account-night-job",
            "resource_access": {"api-1": {"roles": ["Calls.Manage"]}},
        },
    ),
    "Firebase": Provider(
        iss="https://securetoken.google.com/api-1",
        realm="https://securetoken.google.com/api-1",
        person={
            "sub": "alice",
            "user_id": "alice",
            "auth_time": 1,
            "firebase": {"identities": {}, "sign_in_provider": "password"},
            "roles": ["Calls.Manage"],
        },
        app=None,
    ),
    "AD FS": Provider(
        iss="http://id.example/adfs/services/trust",
        realm="http://id.example/adfs/services/trust",
        person={
            "sub": "alice",
            "appid": "c-1",
            "apptype": "Public",
            "scp": "openid",
            "roles": "Calls.Manage",
        },
        app=None,
    ),
}


def settings_of(provider: str, changed: Mapping[str, str] = OWN) -> dict[str, str]:
    """The first block below the heading, with the values of somebody."""
    [block] = re.findall(rf"^### {provider}\n```\n(.*?)^```", PAGE, re.M | re.S)
    for placeholder, own in changed.items():
        block = block.replace(placeholder, own)
    pairs = re.findall(r"^([A-Z_]+)=(.*?)(?=^[A-Z_]+=|\Z)", block, re.M | re.S)
    usual = {name: value for name, value in GOOD.items() if not name.startswith("AUTH_")}
    return usual | {name: value.strip() for name, value in pairs}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_people_and_apps_of_a_provider_are_who_they_are(provider: str) -> None:
    form = PROVIDERS[provider]
    auth = authenticator(*load(settings_of(provider)).auth.issuers)

    async def admitted(content: dict[str, object]) -> Any:
        token = signed(claims(**({"iss": form.iss, "aud": "api-1"} | content)))
        return await auth.authenticate({"authorization": f"Bearer {token}"})

    person = await admitted(form.person)
    assert (person.principal.kind, person.principal.realm) == (Kind.USER, form.realm)
    assert person.principal.id == "alice"
    assert person.roles == ({form.role} if form.role else set())
    if form.app is not None:
        app = await admitted(form.app)
        assert (app.principal.kind, app.principal.realm) == (Kind.SERVICE, form.realm)
    other = signed(claims(**({"iss": form.iss} | form.person | {"aud": "api-2"})))
    assert "AUTH_AUDIENCE" in (await refusal(f"Bearer {other}", auth)).detail


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_placeholder_of_the_page_is_never_taken_for_a_value(provider: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(settings_of(provider, changed={}))

    assert any("placeholder" in fault for fault in caught.value.faults.values())


def test_every_provider_of_the_page_says_how_it_was_tried() -> None:
    providers = PAGE.partition("## The settings, by provider")[2].partition("\n## ")[0]
    sections = re.split(r"^### ", providers, flags=re.M)[1:]
    names = {section.partition("\n")[0] for section in sections}

    assert names == {*PROVIDERS, "App Service authentication (Easy Auth)", "The local stack"}
    for section in sections:
        assert "\n**Tried**: " in section, section
