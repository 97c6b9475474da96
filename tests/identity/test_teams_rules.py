"""Which callers may exchange the Teams token of which user."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from shared.identity.teams import Teams
from shared.principals import Caller, Kind, Principal
from shared.problems import Forbidden, TeamsTokenRefused, Throttled

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TOKEN = jwt.encode({"oid": "olga"}, "x" * 32, "HS256")


class FakeAcs:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def exchange_teams_token(
        self, token: str, app_id: str, user_id: str
    ) -> tuple[str, datetime]:
        self.asked.append((app_id, user_id))
        return "granted", NOON


class Everybody:
    async def admit(self, caller: Caller) -> None:
        pass


def caller(realm: str, user_id: str, object_id: str | None = None) -> Caller:
    return Caller(Principal(Kind.USER, realm, user_id), None, frozenset(), NOON, object_id)


async def test_who_entra_signed_in_may_exchange_their_own_token_only() -> None:
    acs = FakeAcs()
    teams = Teams(acs, Everybody(), "app")

    # Whichever claim names people here, it is the object id that Teams knows them by.
    olga = caller("entra:tenant", "pairwise-subject", "olga")
    assert await teams.exchange(olga, TOKEN) == ("granted", NOON)
    with pytest.raises(Forbidden):
        await teams.exchange(caller("entra:tenant", "olga", "mallory"), TOKEN)
    assert acs.asked == [("app", "olga")]


async def test_a_person_of_another_issuer_has_no_object_id_to_compare() -> None:
    acs = FakeAcs()

    await Teams(acs, Everybody(), "app").exchange(caller("https://issuer.example", "u-1"), TOKEN)

    assert acs.asked == [("app", "olga")]


async def test_one_person_cannot_use_up_the_exchanges_that_acs_allows_all() -> None:
    acs, clock = FakeAcs(), [NOON]
    teams = Teams(acs, Everybody(), "app", lambda: clock[0])
    olga, omar = (caller("https://issuer.example", name) for name in ("olga", "omar"))

    for _ in range(20):
        await teams.exchange(olga, TOKEN)
    with pytest.raises(Throttled) as throttled:
        await teams.exchange(olga, TOKEN)
    assert throttled.value.retry_after == 60
    assert len(acs.asked) == 20

    await teams.exchange(omar, TOKEN)
    clock[0] += timedelta(minutes=1)
    await teams.exchange(olga, TOKEN)
    assert len(acs.asked) == 22


async def test_a_token_that_is_refused_here_costs_nobody_an_exchange() -> None:
    acs = FakeAcs()
    teams = Teams(acs, Everybody(), "app", lambda: NOON)
    olga = caller("entra:tenant", "olga", "olga")

    for _ in range(30):
        with pytest.raises(TeamsTokenRefused):
            await teams.exchange(olga, "no token")

    assert await teams.exchange(olga, TOKEN) == ("granted", NOON)
