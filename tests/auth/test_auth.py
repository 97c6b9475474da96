"""Who is admitted: bearer tokens of configured issuers."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping

import jwt
import pytest

from shared.principals import Kind, Principal
from shared.problems import Unauthenticated
from tests.auth.bearer_tokens import (
    KEY,
    PLAIN,
    PUBLIC_PEM,
    TENANT,
    V1,
    V2,
    admit,
    authenticator,
    claims,
    entra,
    issuer,
    refusal,
    signed,
)
from tests.support.rsa_keys import rsa_key


async def test_a_good_token_says_who_is_calling() -> None:
    caller = await admit(
        claims(name=" Alice ", roles=["Calls.Manage"], scope="openid Tokens.Issue")
    )

    assert caller.principal == Principal(Kind.USER, PLAIN, "alice")
    assert caller.display_name == "Alice"
    assert caller.roles == {"Calls.Manage"}  # a scope grants nothing


async def test_no_token_is_challenged_without_an_error_code() -> None:
    assert (await refusal(None)).www_authenticate == 'Bearer realm="api"'


def unsigned(content: Mapping[str, object]) -> str:
    return jwt.encode(dict(content), "", algorithm="none", headers={"kid": "k"})


def signed_with_the_public_key(content: Mapping[str, object]) -> str:
    """A token signed by HS256 with the public key as the secret. It is made by hand, because PyJWT
    refuses to."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = part(json.dumps({"alg": "HS256", "kid": "k", "typ": "JWT"}).encode())
    body = part(json.dumps(dict(content)).encode())
    mac = hmac.digest(PUBLIC_PEM, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{part(mac)}"


def typed(kind: object) -> str:
    return jwt.encode(claims(), KEY, "RS256", headers={"kid": "k", "typ": kind})


def respelled(part: int, how: Callable[[str], str]) -> str:
    """A valid token with one of its parts written in another way."""
    parts = signed(claims()).split(".")
    parts[part] = how(parts[part])
    return ".".join(parts)


OTHER_KEY = rsa_key("another")
NOW = int(time.time())
REFUSED = {
    "another scheme": ("Basic YTpi", "Send Authorization: Bearer"),
    "no token": ("Bearer ", "Send Authorization: Bearer"),
    "garbage": ("Bearer garbage", "not a JWT"),
    "half a JWT": ("Bearer a.b.c", "not a JWT"),
    "four parts": (f"Bearer {signed(claims())}.e30", "not a JWT"),
    "a header that is a list": (f"Bearer {respelled(0, lambda _: 'W10')}", "not a JWT"),
    "claims that are a text": (f"Bearer {respelled(1, lambda _: 'ImEi')}", "not a JWT"),
    "claims nested without end": (f"Bearer {respelled(1, lambda _: 'W1tb' * 2000)}", "not a JWT"),
    "no ASCII": (f"Bearer {respelled(0, lambda part: 'ä' + part)}", "not a JWT"),
    "characters that base64url lacks in the header": (
        f"Bearer {respelled(0, lambda part: part[:9] + '!!!!' + part[9:])}",
        "signature",
    ),
    "characters that base64url lacks in the claims": (
        f"Bearer {respelled(1, lambda part: part[:9] + '!!!!' + part[9:])}",
        "signature",
    ),
    "characters that base64url lacks in the signature": (
        f"Bearer {respelled(2, lambda part: part[:9] + '!!!!' + part[9:])}",
        "signature",
    ),
    "oversized": ("Bearer " + "a" * 16385, "longer than 16384"),
    "two headers": (f"Bearer {signed(claims())},Bearer {signed(claims())}", "one Authorization"),
    "expired": (f"Bearer {signed(claims(exp=NOW - 61))}", "expired"),
    "no exp": (f"Bearer {signed(claims(exp=None))}", "no exp claim"),
    "an exp of 400 digits": (f"Bearer {signed(claims(exp=10**399))}", "exp claim is no time"),
    "no iat": (f"Bearer {signed(claims(iat=None))}", "no iat claim"),
    "issued in the future": (f"Bearer {signed(claims(iat=NOW + 24 * 3600))}", "not valid yet"),
    "not before later": (f"Bearer {signed(claims(nbf=NOW + 24 * 3600))}", "not valid yet"),
    "wrong issuer": (f"Bearer {signed(claims(iss='https://evil.example'))}", "AUTH_ISSUER"),
    "no issuer": (f"Bearer {signed(claims(iss=None))}", "AUTH_ISSUER"),
    "a spoiled signature": (f"Bearer {signed(claims(sub='x'))[:-4]}AAAA", "signature"),
    "another issuer's audience": (f"Bearer {signed(claims(aud='api://v2'))}", "AUTH_AUDIENCE"),
    "no audience": (f"Bearer {signed(claims(aud=None))}", "no aud claim"),
    "alg none": (f"Bearer {unsigned(claims())}", "algorithm"),
    "HS256 with the public key": (f"Bearer {signed_with_the_public_key(claims())}", "algorithm"),
    "an unknown key id": (f"Bearer {signed(claims(), kid='other')}", "key that its issuer"),
    "a key id beyond reason": (f"Bearer {signed(claims(), kid='k' * 257)}", "key id is malformed"),
    "a logout token": (f"Bearer {typed('logout+jwt')}", "another purpose"),
    "an ID token that says so": (f"Bearer {typed('id+jwt')}", "another purpose"),
    "a type that is no text": (f"Bearer {typed(5)}", "another purpose"),
    "a token with events": (f"Bearer {signed(claims(events={}))}", "another purpose"),
    "another key": (
        f"Bearer {jwt.encode(claims(), OTHER_KEY, 'RS256', headers={'kid': 'k'})}",
        "signature",
    ),
    "no subject": (f"Bearer {signed(claims(sub=None))}", "AUTH_USER_CLAIM"),
    "an empty subject": (f"Bearer {signed(claims(sub=''))}", "AUTH_USER_CLAIM"),
    "a subject of 257 characters": (f"Bearer {signed(claims(sub='x' * 257))}", "AUTH_USER_CLAIM"),
    "half a surrogate pair": (f"Bearer {signed(claims(sub=chr(0xD800)))}", "AUTH_USER_CLAIM"),
    "a tenant that is not the issuer's": (f"Bearer {signed(entra(tid='other'))}", "tenant"),
    "no tenant": (f"Bearer {signed(entra(tid=None))}", "tenant"),
    "an Entra ID token": (f"Bearer {signed(entra(scp=None, azp=None))}", "ID token"),
}


@pytest.mark.parametrize(("authorization", "hint"), REFUSED.values(), ids=REFUSED)
async def test_a_bad_token_is_refused_and_its_developer_told_why(
    authorization: str, hint: str
) -> None:
    refused = await refusal(authorization)

    assert hint in refused.detail
    assert refused.www_authenticate is not None
    assert refused.www_authenticate.startswith('Bearer realm="api", error="invalid_')


async def test_v1_and_v2_tokens_of_one_person_are_one_principal() -> None:
    v2 = await admit(entra(sub="pairwise-2"))
    v1 = await admit(entra(iss=V1, aud="api://v1", sub="pairwise-1", appid="c", azp=None))

    assert v1.principal == v2.principal == Principal(Kind.USER, f"entra:{TENANT}", "o-1")
    assert (v1.entra_object_id, (await admit(claims(oid="o-1"))).entra_object_id) == ("o-1", None)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (entra(), Kind.USER),
        (entra(idtyp="user"), Kind.USER),
        (entra(idtyp="app", scp="access"), Kind.SERVICE),
        (entra(scp=None, roles=["Tokens.Issue"]), Kind.SERVICE),
        (claims(), Kind.USER),
        (claims(azp="web-app"), Kind.USER),
        (claims(azp="alice"), Kind.SERVICE),
        (claims(client_id="alice"), Kind.SERVICE),
        (claims(gty="client-credentials"), Kind.SERVICE),
        (claims(sub="abc@clients"), Kind.SERVICE),
        (claims(preferred_username="service-account-x"), Kind.SERVICE),
        (claims(clientHost="10.0.0.1"), Kind.SERVICE),
        (claims(cid="alice"), Kind.SERVICE),
        (claims(idtyp="app", azp="daemon"), Kind.SERVICE),
    ],
)
async def test_people_and_apps_are_told_apart(content: dict[str, object], kind: Kind) -> None:
    assert (await admit(content)).principal.kind is kind


@pytest.mark.parametrize(
    ("path", "content", "roles"),
    [
        ("roles", {"roles": "One"}, {"One"}),
        ("roles", {"roles": ["One", "\ud800"]}, {"One"}),
        ("roles", {"roles": ["One", 2, None]}, {"One"}),
        ("roles", {}, set()),
        ("roles", {"roles": {"One": True}}, set()),
        ("realm_access.roles", {"realm_access": {"roles": ["One"]}}, {"One"}),
        ("realm_access.roles", {"realm_access": "x"}, set()),
        (
            'resource_access."my.api".roles',
            {"resource_access": {"my.api": {"roles": ["One"]}, "my": {"api": {"roles": ["Two"]}}}},
            {"One"},
        ),
        ("https://x.example/roles", {"https://x.example/roles": ["One"]}, {"One"}),
    ],
)
async def test_roles_come_from_the_roles_claim_alone(
    path: str, content: dict[str, object], roles: set[str]
) -> None:
    auth = authenticator(issuer(PLAIN, "api://plain", roles_claim=path))
    token = signed(claims(scp="One", scope="One", groups=["One"]) | content)

    assert (await auth.authenticate({"authorization": f"Bearer {token}"})).roles == roles


@pytest.mark.parametrize(
    ("person_claim", "content", "kind"),
    [
        (("auth_time", ""), {"auth_time": 1}, Kind.USER),
        (("auth_time", ""), {"client_id": "alice"}, Kind.SERVICE),
        (("auth_time", ""), {"auth_time": 1, "client_id": "alice"}, Kind.USER),
        (("auth_time", ""), {}, Kind.SERVICE),
        (("amr", "pwd"), {"amr": ["pwd", "mfa"]}, Kind.USER),
        (("amr", "pwd"), {"amr": "pwd"}, Kind.USER),
        (("amr", "pwd"), {"amr": ["client"]}, Kind.SERVICE),
        (("email_verified", "true"), {"email_verified": True}, Kind.USER),
        (("email_verified", "true"), {"email_verified": False}, Kind.SERVICE),
        (("level", "1"), {"level": 1}, Kind.USER),
        (("scp", "user_impersonation"), {"scp": "openid user_impersonation"}, Kind.USER),
        (("scp", "user_impersonation"), {"scp": "not_user_impersonation"}, Kind.SERVICE),
        # The claims that are known to mark an app still mark it.
        (("auth_time", ""), {"auth_time": 1, "idtyp": "app"}, Kind.SERVICE),
        (("auth_time", ""), {"auth_time": 1, "gty": "client-credentials"}, Kind.SERVICE),
        (("auth_time", ""), {"auth_time": 1, "sub": "x@clients"}, Kind.SERVICE),
    ],
)
async def test_a_setting_says_which_claim_proves_a_person(
    person_claim: tuple[str, str], content: dict[str, object], kind: Kind
) -> None:
    auth = authenticator(issuer(PLAIN, "api://plain", person_claim=person_claim))
    token = signed(claims() | content)

    caller = await auth.authenticate({"authorization": f"Bearer {token}"})

    assert caller.principal.kind is kind


async def test_an_id_token_is_refused_whatever_proves_a_person() -> None:
    auth = authenticator(issuer(V2, "api://v2", TENANT, person_claim=("name", "")))
    token = signed(entra(scp=None, azp=None, name="Olga"))

    with pytest.raises(Unauthenticated, match="ID token"):
        await auth.authenticate({"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_an_rsa_key_without_alg_admits_tokens_of_any_rsa_algorithm(algorithm: str) -> None:
    token = signed(claims(), alg=algorithm)

    caller = await authenticator().authenticate({"authorization": f"Bearer {token}"})

    assert caller.principal.id == "alice"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x" * 300, "x" * 256), ("", None), ("  ", None), (7, None), ("\ud800", None), (None, None)],
)
async def test_a_display_name_is_a_text_of_bounded_length(
    name: object, expected: str | None
) -> None:
    assert (await admit(claims(name=name))).display_name == expected
