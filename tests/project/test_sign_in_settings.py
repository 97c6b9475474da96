"""Settings of sign-in: the issuers, where their documents lie, and whom Easy Auth lets in."""

import json

import pytest

from shared.settings import load
from tests.project.settings_world import GOOD, TENANT, faults


def test_the_v1_and_v2_issuers_of_an_entra_tenant_are_one_realm() -> None:
    settings = load(
        {
            **GOOD,
            "AUTH_ISSUER": f"https://login.microsoftonline.com/{TENANT}/v2.0",
            "AUTH_ISSUERS": json.dumps(
                [
                    {
                        "AUTH_ISSUER": f"https://sts.windows.net/{TENANT}/",
                        "AUTH_AUDIENCE": "api://v1",
                    },
                    {"issuer": "https://other.example", "audience": ["a", "b"], "userClaim": "uid"},
                ]
            ),
        }
    )
    v2, v1, other = settings.auth.issuers

    assert v2.realm == v1.realm == f"entra:{TENANT}"
    assert (v2.user_claim, v1.user_claim, other.user_claim) == ("oid", "oid", "uid")
    assert (v1.audiences, other.audiences) == (("api://v1",), ("a", "b"))


def test_faults_in_a_list_of_issuers_say_which_entry() -> None:
    listed = [{"issuer": "https://a.example", "audience": "x"}, {"issuer": "", "audiense": "y"}]

    assert set(faults(AUTH_ISSUERS=json.dumps(listed))) == {
        "AUTH_ISSUERS[1].AUTH_ISSUER",
        "AUTH_ISSUERS[1].AUTH_AUDIENCE",
        "AUTH_ISSUERS[1]",
    }


def test_a_companion_without_its_issuer_is_not_ignored() -> None:
    listed = json.dumps([{"issuer": "https://a.example", "audience": "x"}])

    assert list(faults(AUTH_ISSUER="", AUTH_AUDIENCE="api://one", AUTH_ISSUERS=listed)) == [
        "AUTH_ISSUER"
    ]


def test_values_of_a_listed_issuer_are_texts_given_once() -> None:
    listed = [
        {"issuer": "https://a.example", "audience": None, "userClaim": None},
        {"issuer": "https://b.example", "AUTH_ISSUER": "https://c.example", "audience": ["x", 1]},
    ]

    assert set(faults(AUTH_ISSUERS=json.dumps(listed))) == {
        "AUTH_ISSUERS[0].audience",
        "AUTH_ISSUERS[0].userClaim",
        "AUTH_ISSUERS[1].AUTH_ISSUER",
        "AUTH_ISSUERS[1].audience",
    }


ADFS = {
    "issuer": "http://adfs.example/adfs/services/trust",
    "audience": "api://one",
    "metadataUrl": "https://adfs.example/adfs/.well-known/openid-configuration",
}


def test_an_issuer_whose_documents_lie_elsewhere_need_not_be_an_address() -> None:
    listed = [ADFS, {**ADFS, "issuer": "x", "metadataUrl": "", "jwksUrl": "https://x.example/keys"}]

    first, by_metadata, by_keys = load({**GOOD, "AUTH_ISSUERS": json.dumps(listed)}).auth.issuers

    assert (first.metadata_url, first.keys_url) == ("", "")
    assert (by_metadata.url, by_metadata.metadata_url) == (ADFS["issuer"], ADFS["metadataUrl"])
    assert (by_keys.url, by_keys.keys_url) == ("x", "https://x.example/keys")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"metadataUrl": "http://adfs.example/metadata"}, "metadataUrl"),
        ({"jwksUrl": "https://adfs.example/keys"}, "jwksUrl"),
        ({"issuer": "two words"}, "AUTH_ISSUER"),
        ({"metadataUrl": ""}, "AUTH_ISSUER"),
        ({"personClaim": "amr="}, "personClaim"),
        ({"personClaim": "sub"}, "personClaim"),
        ({"issuer": f"entra:{TENANT}"}, "AUTH_ISSUER"),
        ({"issuer": f"https://x@login.microsoftonline.com/{TENANT}/v2.0"}, "AUTH_ISSUER"),
        ({"rolesClaim": 'a"b'}, "AUTH_ROLES_CLAIM"),
        ({"personClaim": "two words"}, "personClaim"),
        ({"personClaim": 7}, "personClaim"),
    ],
)
def test_what_is_wrong_with_where_an_issuers_documents_lie_is_named(
    changed: dict[str, object], wrong: str
) -> None:
    listed = json.dumps([{**ADFS, **changed}])

    assert list(faults(AUTH_ISSUERS=listed)) == [f"AUTH_ISSUERS[0].{wrong}"]


def test_the_claim_of_people_is_a_name_with_or_without_a_value() -> None:
    listed = [{**ADFS, "personClaim": "auth_time"}, {**ADFS, "issuer": "x", "personClaim": "a=b=c"}]

    _, named, valued = load({**GOOD, "AUTH_ISSUERS": json.dumps(listed)}).auth.issuers

    assert (named.person_claim, valued.person_claim) == (("auth_time", ""), ("a", "b=c"))


def test_an_issuer_listed_twice_is_a_fault() -> None:
    listed = [{"issuer": GOOD["AUTH_ISSUER"], "audience": "x"}]

    assert list(faults(AUTH_ISSUERS=json.dumps(listed))) == ["AUTH_ISSUERS"]


def test_easy_auth_needs_the_platform_to_say_so_too() -> None:
    assert not load({**GOOD, "AUTH_EASY_AUTH": "true"}).auth.easy_auth
    assert not load({**GOOD, "WEBSITE_AUTH_ENABLED": "True"}).auth.easy_auth
    assert load({**GOOD, "AUTH_EASY_AUTH": "true", "WEBSITE_AUTH_ENABLED": "True"}).auth.easy_auth
