"""The setting of Teams resource accounts: the fields that each needs, and every fault is named."""

import json

import pytest

from shared.identity.resource_accounts import ResourceAccount
from shared.settings import load
from tests.project.settings_world import GOOD, TENANT, faults

RESOURCE = {"COMMUNICATION_RESOURCE_ID": "acde0000-0000-4000-8000-000000007073"}
ID, OTHER = "aaaaaaaa-0000-4000-8000-00000000000A", "bbbbbbbb-0000-4000-8000-00000000000b"
ONE = {"id": ID, "tenant": TENANT}


def given(*accounts: object, **changes: str) -> dict[str, str]:
    return {**RESOURCE, "TEAMS_RESOURCE_ACCOUNTS": json.dumps(accounts), **changes}


def read(*accounts: object) -> tuple[ResourceAccount, ...]:
    return load({**GOOD, **given(*accounts)}).identity.resource_accounts


def test_there_are_no_accounts_unless_it_is_said() -> None:
    assert load(GOOD).identity.resource_accounts == ()
    assert read() == ()


def test_an_account_needs_an_id_and_a_tenant_and_no_more() -> None:
    [account] = read(ONE)

    assert (account.id, account.tenant) == (ID.lower(), TENANT)
    assert account.raw_id == f"28:orgid:{ID.lower()}"
    assert (account.name, account.number, account.bot) == ("", "", "")


def test_an_account_has_a_name_a_number_and_a_bot() -> None:
    more = {"name": "Front desk", "number": "+14255550142", "bot": "helpdesk"}

    first, second = read({**ONE, **more}, {"id": OTHER, "tenant": TENANT, "name": "Sales"})

    assert (first.name, first.number, first.bot) == ("Front desk", "+14255550142", "helpdesk")
    assert second.name == "Sales"
    assert "+1425" not in repr(first)


@pytest.mark.parametrize(
    "text",
    ["not json", "{}", '"x"', "7", "[7]", "[[]]", "[" * 100_000],
)
def test_what_is_no_list_is_a_fault(text: str) -> None:
    found = faults(**RESOURCE, TEAMS_RESOURCE_ACCOUNTS=text)

    assert list(found) == ["TEAMS_RESOURCE_ACCOUNTS"]
    assert "JSON list" in found["TEAMS_RESOURCE_ACCOUNTS"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"id": "helpdesk@contoso.example"}, ".id"),
        ({"id": f"28:orgid:{ID}"}, ".id"),
        ({"id": None}, ".id"),
        ({"tenant": "contoso.example"}, ".tenant"),
        ({"tenant": 7}, ".tenant"),
        ({"name": "x" * 65}, ".name"),
        ({"name": "two\nlines"}, ".name"),
        ({"name": ["x"]}, ".name"),
        ({"number": "425-555-0100"}, ".number"),
        ({"number": 14255550177}, ".number"),
        ({"bot": "x" * 257}, ".bot"),
        ({"bot": "\ud800"}, ".bot"),
        ({"bot": {}}, ".bot"),
        ({"cloud": "gcch"}, ""),
    ],
)
def test_what_is_wrong_of_an_account_is_named_and_not_repeated(
    changes: dict[str, object], wrong: str
) -> None:
    other = {"id": OTHER, "tenant": TENANT, "name": "Sales"}

    found = faults(**given(other, {**ONE, "name": "Front desk", **changes}))

    assert list(found) == [f"TEAMS_RESOURCE_ACCOUNTS[1]{wrong}"]
    assert not any(str(value) in text for value in changes.values() for text in found.values())


@pytest.mark.parametrize("missing", ["id", "tenant"])
def test_an_account_without_id_or_tenant_is_a_fault(missing: str) -> None:
    found = faults(**given({name: value for name, value in ONE.items() if name != missing}))

    assert list(found) == [f"TEAMS_RESOURCE_ACCOUNTS[0].{missing}"]


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        ([{**ONE, "name": "a"}, {**ONE, "id": ID.lower(), "name": "b"}], "same id"),
        ([{**ONE, "name": "a"}, {"id": OTHER, "tenant": TENANT, "name": "a"}], "same name"),
        ([{**ONE, "name": "a"}, {"id": OTHER, "tenant": TENANT}], "needs a name"),
    ],
)
def test_several_accounts_are_told_apart_by_name(accounts: list[object], said: str) -> None:
    assert said in faults(**given(*accounts))["TEAMS_RESOURCE_ACCOUNTS"]


def test_accounts_need_the_id_of_the_resource_and_the_public_cloud() -> None:
    key = "c2VjcmV0"
    government = f"endpoint=https://x.communication.azure.us/;accesskey={key}"

    without = faults(**given(ONE, COMMUNICATION_RESOURCE_ID=""))
    elsewhere = faults(**given(ONE, COMMUNICATION_CONNECTION_STRING=government))

    assert "TEAMS_RESOURCE_ACCOUNTS" in without["COMMUNICATION_RESOURCE_ID"]
    assert "public cloud" in elsewhere["TEAMS_RESOURCE_ACCOUNTS"]


ENTRA = {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "audience": "api://entra"}


def test_an_account_and_its_bot_are_of_its_tenant_or_of_the_only_realm() -> None:
    [account] = read({**ONE, "bot": "helpdesk"})
    several = {"AUTH_ISSUERS": json.dumps([ENTRA])}
    of_tenant = load({**GOOD, **several, **given({**ONE, "bot": "helpdesk"})})
    found = faults(**several, **given({**ONE, "tenant": ID}))

    assert account.realm_among({"https://issuer.example/"}) == "https://issuer.example/"
    assert {issuer.realm for issuer in of_tenant.auth.issuers} > {f"entra:{TENANT}"}
    assert account.realm_among({"https://issuer.example/", f"entra:{TENANT}"}) == f"entra:{TENANT}"
    assert list(found) == ["TEAMS_RESOURCE_ACCOUNTS[0].tenant"]


@pytest.mark.parametrize(("value", "wanted"), [("", True), ("true", True), ("false", False)])
def test_calls_without_teams_are_placed_unless_it_is_said(value: str, wanted: bool) -> None:
    assert load({**GOOD, "STANDALONE_CALLS": value}).calls.standalone is wanted


def test_whether_calls_without_teams_are_placed_is_true_or_false() -> None:
    assert list(faults(STANDALONE_CALLS="until 2028")) == ["STANDALONE_CALLS"]
