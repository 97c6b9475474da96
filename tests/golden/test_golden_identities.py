"""Everybody who had an identity has the same one; people who were erased stay erased."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.app import App
from shared.keys import principal_key
from shared.principals import Kind, Principal
from tests.golden.client import Client, Json, acs, mapping, owner, refusal
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import (
    ENTRA_REALM,
    READ,
    REALM,
    START,
    bot,
    golden_app,
    signed_in,
    user,
)
from tests.golden.rows import GoldenTables

ODD_ID = "Zoë/../✓ |#?%2F\\'\" 😀"
OTHER_RESOURCE = "acde0000-0000-4000-8000-00000000707f"
OTHER = f"8:acs:{OTHER_RESOURCE}_0000001c-01a2-2052-"
JOB = Principal(Kind.SERVICE, REALM, "nightly-job")

# PartitionKeys of mappings: the product's own names of people.
ADA = "851fa36d48c59cf9a06716de8b4360aea584c02be79eaee94221b7387c1726ad"
HAL = "6913b02cb427283ac0ffa2537d92ef0236933ba34a7bb4cbec1534b859b1bfc8"
OZ = "92b9761d89bfe3aedf5cc9d71a35caa1d458cb778bbee2b0505d31fcca2705f2"
PIP = "98338e2dd1463284ac7f63f36c2ac7f25b63b6173d8ddb0bfce57ce86023bcaf"
IDA = "8b6946c7307d84ce76a31b49e851e92a9d4376c7829de9fff3e69fd3b517bf7c"

NOON, ONE, TWO = (f"2026-11-28T{hour}:00:00+00:00" for hour in (12, 13, 14))
THREE = "2026-11-28T15:00:00+00:00"


def known(rest: str, name: str | None, created_at: str, version: int, **more: object) -> Json:
    return {
        "communicationUserId": acs(rest),
        "displayName": name,
        "generation": 0,
        "version": version,
        "told": True,
        "namedAt": None,
        "createdAt": created_at,
        **more,
    }


PEOPLE: list[tuple[Principal, Json]] = [
    (user("ada"), known("2052-eb8a-9d9957aa9b4a", "Ada Adams", NOON, 1795867200000)),
    (user("ben"), known("2052-ebe2-d22b8b50bcff", None, NOON, 1795867200000)),
    (user(ODD_ID), known("2052-ec24-385101316f98", "Zoë ✓", NOON, 1795867200000)),
    (
        user("gus", ENTRA_REALM),
        known("2052-ec60-6155bee11fd6", "Gus Green", NOON, 1795867200000),
    ),
    (JOB, known("2052-eca0-7ce06d604ed7", None, NOON, 1795867200000)),
    (
        user("cleo"),
        known("2052-ece8-87e38e97c8cb", "Cleo Clark", NOON, 1795870800000, namedAt=ONE),
    ),
    (
        user("dan"),
        known("2052-ed22-819705ef0fd2", "Dan Davis", NOON, 1795870800000, namedAt=ONE, told=False),
    ),
    (
        user("dot"),
        known("2052-ed60-314e0653fe0e", "Dot Dunn", NOON, 1795874400000, namedAt=TWO, told=False),
    ),
    (user("eli"), known("2052-ee7f-22b8c8a93a74", "Eli East", TWO, 1795874400000, generation=2)),
    (user("fay"), known("2052-ef2d-28ece94ff062", "Fay Fox", TWO, 1795878000000, generation=1)),
    (
        user("jon"),
        known(
            "2052-f3ce-eb269d3a17c8",
            "Jon Jay the Second",
            "2026-11-28T15:02:00+00:00",
            1795878120000,
        ),
    ),
    (
        user("max"),
        known("2052-ff95-be3a4ab766d7", "Max Moore", "2026-11-28T15:03:00+00:00", 1795878180000),
    ),
    (bot("help desk"), known("2052-efd8-e1bbf3ad3497", "Help Desk", THREE, 1795878000000)),
    (
        bot("door"),
        known(
            "2052-f011-b70de9dc7f98",
            "Concierge",
            THREE,
            1795878060000,
            generation=2,
            told=False,
        ),
    ),
]


async def test_everybody_has_the_identity_that_they_had(app: App) -> None:
    assert [(who, await mapping(app, who)) for who, _ in PEOPLE] == PEOPLE


async def test_every_identity_is_whose_it_was(app: App) -> None:
    owners = [await owner(app, told["communicationUserId"]) for _, told in PEOPLE]

    assert owners == [(who.kind.value, who.realm, who.id) for who, _ in PEOPLE]


async def test_the_same_id_of_another_realm_or_kind_is_somebody_else(app: App) -> None:
    assert await mapping(app, user("gus")) is None
    assert await mapping(app, bot("ada")) is None
    assert await mapping(app, user("help desk")) is None


async def test_a_client_sees_who_it_is(sign_in: SignIn) -> None:
    assert await sign_in("ada", "Reader").user() == {
        "id": "ada",
        "displayName": "Ada Adams",
        "communicationUserId": acs("2052-eb8a-9d9957aa9b4a"),
        "createdAt": "2026-11-28T12:00:00.000Z",
        "roles": ["Reader"],
    }


async def test_a_client_finds_bots(sign_in: SignIn) -> None:
    assert await sign_in("ada").bot("door") == {
        "id": "door",
        "displayName": "Concierge",
        "communicationUserId": acs("2052-f011-b70de9dc7f98"),
    }
    assert await refusal(sign_in(user("gus", ENTRA_REALM)).bot("door")) == "not-found"


async def test_an_identity_that_never_got_a_mapping_is_nobodys(app: App) -> None:
    assert await mapping(app, "lou") is None
    assert await owner(app, acs("2052-ffcf-123b7e4aa859")) is None


@pytest.mark.parametrize(
    ("who", "rest"), [("hal", "2052-f0a5-45965a4e30ee"), ("ike", "2062-0677-82a3fe6d6d92")]
)
async def test_whoever_is_being_erased_is_served_by_nobody(
    app: App, sign_in: SignIn, who: str, rest: str
) -> None:
    assert await refusal(sign_in(who).user()) == "being-erased"
    assert await owner(app, acs(rest)) is None


async def test_whose_identity_stands_is_told_by_the_key_of_their_mapping(app: App) -> None:
    assert await app.identities.is_active(ADA)
    assert not await app.identities.is_active(HAL)
    assert not await app.identities.is_active(IDA)


async def test_an_erasure_that_a_kill_cut_off_is_finished_by_its_repetition(
    app: App, changing: Changing
) -> None:
    golden, hal = changing("identities"), signed_in("hal", at=START)

    await app.personal_data.erase(hal)

    assert await mapping(app, "hal") is None
    assert await refusal(Client(app, hal).user()) == "unauthenticated"
    assert golden.of("identities", HAL)[0].types == {"erasedAt": "Edm.DateTime"}


@pytest.mark.parametrize("who", ["moe", "nan"])
async def test_the_spare_of_an_enrolment_that_a_kill_cut_off_is_reaped_by_the_next(
    app: App, changing: Changing, who: str
) -> None:
    golden = changing("identities")
    partition = principal_key(user(who))

    identity, _ = await app.tokens.issue(signed_in(who, at=READ), None, None)

    [row] = golden.of("identities", partition)
    assert row.properties["communicationUserId"][1] == identity.communication_user_id


async def test_a_spare_that_somebody_was_deleting_goes_with_an_erasure(
    app: App, changing: Changing
) -> None:
    golden = changing("identities")

    await app.personal_data.erase(signed_in("oz", at=READ))

    assert [row.types.keys() for row in golden.of("identities", OZ)] == [{"erasedAt"}]
    assert await owner(app, acs("2137-e2d5-688889194252")) is None


async def test_an_erasure_of_somebody_without_an_identity_is_finished_by_its_repetition(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    golden, pip = changing("identities"), signed_in("pip", at=READ)
    assert await refusal(sign_in("pip").user()) == "being-erased"

    await app.personal_data.erase(pip)

    assert [row.types.keys() for row in golden.of("identities", PIP)] == [{"erasedAt"}]


@pytest.mark.parametrize("who", ["ida", "kay", "jon"])
async def test_a_token_from_before_an_erasure_is_refused(app: App, who: str) -> None:
    erased_at = START + timedelta(hours=3, minutes=1)

    assert await refusal(Client(app, signed_in(who, at=erased_at)).user()) == "unauthenticated"
    await Client(app, signed_in(who, at=erased_at + timedelta(seconds=1))).user()


async def test_whoever_was_erased_has_no_identity_until_they_come_again(
    app: App, sign_in: SignIn
) -> None:
    assert await mapping(app, "ida") is None
    assert (await sign_in("ida").user())["communicationUserId"] is None


async def test_each_acs_resource_has_its_own_mapping(
    environment: Mapping[str, str], golden: GoldenTables
) -> None:
    elsewhere = {**environment, "COMMUNICATION_RESOURCE_ID": OTHER_RESOURCE}
    other = golden_app(elsewhere, lambda: READ)
    try:
        for who, expected in (("max", "fcf5-234fc981e136"), ("nina", "fd35-a9ea3282a25b")):
            found = await mapping(other, who)
            assert found is not None
            assert found["communicationUserId"] == OTHER + expected
        assert await mapping(other, "ada") is None
    finally:
        await other.upstream.close()


async def test_an_export_holds_every_property_of_every_mapping(sign_in: SignIn) -> None:
    assert (await sign_in("dot").export())["identities"] == [
        {
            "kind": "user",
            "realm": "https://login.golden.example",
            "id": "dot",
            "displayName": "Dot Dunn",
            "namedAt": "2026-11-28T14:00:00.000Z",
            "communicationUserId": acs("2052-ed60-314e0653fe0e"),
            "generation": 0,
            "version": 1795874400000,
            "toldVersion": 1795870800000,
            "createdAt": "2026-11-28T12:00:00.000Z",
        }
    ]
    both = (await sign_in("max").export())["identities"]
    assert [one["createdAt"] for one in both] == [
        "2026-11-28T15:02:00.000Z",
        "2026-11-28T15:03:00.000Z",
    ]
    assert (await sign_in("ida").export())["identities"] == [
        {"erasedAt": "2026-11-28T15:01:00.000Z"}
    ]
