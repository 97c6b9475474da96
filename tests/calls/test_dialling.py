"""What the settings forbid is said to be the service's policy, with the setting's name."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.calls.acs_types import PlaySource
from shared.calls.dialling import Dialling, Target
from shared.calls.settings import CallSettings
from shared.identity.identities import Identities
from shared.identity.resource_accounts import ResourceAccount
from shared.problems import InvalidRequest
from shared.tables import IDENTITIES, Table
from tests.calls.placing_world import SETTINGS, Agents
from tests.support.memory_tables import memory_clients

DESK = ResourceAccount("aaaaaaaa-0000-4000-8000-00000000000a", "tenant", "Desk", "+14255550142")
SALES = DESK._replace(name="Sales", number="+14255550143")
ALLOWED, ELSEWHERE = Target(phone_number="+14255550123"), Target(phone_number="+4930123456")
REALM = "realm"


def dialling(settings: CallSettings = SETTINGS, *accounts: ResourceAccount) -> Dialling:
    table = Table(memory_clients()[IDENTITIES])
    identities = Identities(table, "resource", lambda: datetime.now(UTC))
    return Dialling(identities, settings, {REALM: accounts}, Agents())


async def test_a_number_that_begins_otherwise_is_forbidden_by_the_prefixes() -> None:
    with pytest.raises(InvalidRequest) as refused:
        await dialling().resolve(REALM, [ALLOWED, ELSEWHERE, Target(user="nobody")], "to.{}.")

    phone, person = refused.value.faults
    assert (phone.where, phone.field) == ("policy", "to.1.phoneNumber")
    assert phone.message == "does not begin with a prefix in DIAL_PREFIXES"
    assert (person.where, person.field) == ("body", "to.2.user")
    assert "The setting DIAL_PREFIXES says which phone numbers" in refused.value.detail
    assert "+1" not in refused.value.detail  # a prefix may be a whole phone number


async def test_that_no_number_may_be_called_is_said() -> None:
    rules = dialling(SETTINGS._replace(dial_prefixes=()))

    with pytest.raises(InvalidRequest) as refused:
        await rules.invitee(REALM, ALLOWED, None)

    assert [fault[:2] for fault in refused.value.faults] == [("policy", "phoneNumber")]
    assert "DIAL_PREFIXES is empty, so no phone number may be called" in refused.value.detail


@pytest.mark.parametrize("lacking", [{"caller_id": ""}, {"standalone": False}])
def test_the_number_of_the_resource_is_not_advised_where_it_does_not_call(
    lacking: dict[str, Any],
) -> None:
    rules = dialling(SETTINGS._replace(**lacking), DESK)

    with pytest.raises(InvalidRequest) as refused:
        rules.source(REALM, [ALLOWED, Target(user="alice")], None, None)

    assert "invite phone numbers or agents" in refused.value.detail
    assert "callerId" not in refused.value.detail


def test_no_account_has_to_be_named_that_could_not_call_everybody() -> None:
    with pytest.raises(InvalidRequest) as refused:
        dialling(SETTINGS, DESK, SALES).source(REALM, [ALLOWED, Target(bot="b")], None, None)

    assert [fault.field for fault in refused.value.faults] == ["to.1.bot"]


@pytest.mark.parametrize(
    ("refuse", "field", "setting"),
    [
        (
            lambda rules: rules.source(REALM, [ALLOWED], "+14255550199", None),
            "callerId",
            "CALLER_ID_NUMBER",
        ),
        (
            lambda rules: rules.source(REALM, [ALLOWED], None, "Support"),
            "from",
            "TEAMS_RESOURCE_ACCOUNTS",
        ),
        (
            lambda rules: rules.source(REALM, [ALLOWED], None, None),
            "from",
            "TEAMS_RESOURCE_ACCOUNTS",
        ),
        (
            lambda rules: rules.check_source(PlaySource("https://elsewhere.example/a.wav"), ""),
            "url",
            "PLAY_SOURCE_HOSTS",
        ),
    ],
)
def test_a_value_that_is_not_in_the_settings_is_forbidden_by_the_one_that_is_named(
    refuse: Callable[[Dialling], object], field: str, setting: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        refuse(dialling(SETTINGS, DESK, SALES))

    [fault] = refused.value.faults
    assert fault[:2] == ("policy", field)
    assert setting in fault.message
