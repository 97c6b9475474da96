"""Issuing tokens: the policy, the cache and its age limits, one request in flight for each."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from shared.identity.acs import Grant
from shared.identity.rows import Identity
from shared.identity.token_policy import Policy
from shared.identity.tokens import Tokens
from shared.principals import Caller, Kind, Principal
from shared.problems import InvalidRequest, Throttled
from shared.tables import Row
from shared.unavailable import CommunicationUnavailable
from shared.upstream.concurrency import SingleFlight

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALICE = Caller(Principal(Kind.USER, "realm", "alice"), "Alice", frozenset(), NOON)
POLICY = Policy(
    frozenset({"voip", "chat"}),
    {"Host": frozenset({"voip.join"})},
    default_minutes=60,
    max_minutes=240,
)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class FakeAcs:
    """Counts; a gate holds requests until the test opens it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._serial = count(1)
        self.issued = 0
        self.failures: list[Exception] = []
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def revoke_tokens(self, user_id: str) -> None:
        raise AssertionError("nothing is revoked here")

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        self.issued += 1
        self.asked.set()
        asked_at = self._clock()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        expires_on = asked_at + timedelta(minutes=minutes)
        return Grant(f"token-{next(self._serial)}", expires_on, scopes, minutes, asked_at)


class FakeIdentities:
    """Alice's mapping, whose generation the test may raise."""

    def __init__(self) -> None:
        self.generation = 0
        self.names: list[str] = []

    async def find(self, principal: Principal, proven_at: datetime | None = None) -> Identity:
        row = Row("p", "r", {}, "etag")
        name = self.names[-1] if self.names else "Alice"
        return Identity("8:acs:1_2", name, self.generation, 1, True, None, NOON, row)

    async def discard_spare(self, principal: Principal, current: Identity) -> None:
        pass

    async def rename(
        self, identity: Identity, display_name: str, token_issued_at: datetime | None = None
    ) -> Identity:
        self.names.append(display_name)
        return await self.find(ALICE.principal)


async def no_friends(owner: Principal, identity: Identity) -> None:
    """There is nobody to be told."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def acs(clock: Clock) -> FakeAcs:
    return FakeAcs(clock)


@pytest.fixture
def identities() -> Any:
    return FakeIdentities()


@pytest.fixture
def tokens(identities: Any, acs: FakeAcs, clock: Clock) -> Tokens:
    return Tokens(identities, identities, no_friends, acs, POLICY, flight_seconds=5, now=clock)


async def issue(tokens: Tokens, scopes: set[str] | None = None, minutes: int | None = None) -> str:
    _, grant = await tokens.issue(ALICE, frozenset(scopes) if scopes else None, minutes)
    return grant.token


async def test_a_young_token_is_handed_out_again(
    tokens: Tokens, acs: FakeAcs, clock: Clock
) -> None:
    first = await issue(tokens)
    clock.now += timedelta(minutes=15)

    assert await issue(tokens) == first
    assert acs.issued == 1


async def test_a_token_over_15_minutes_old_is_not(tokens: Tokens, clock: Clock) -> None:
    first = await issue(tokens, minutes=240)
    clock.now += timedelta(minutes=15, seconds=1)

    assert await issue(tokens, minutes=240) != first


async def test_a_token_with_less_than_half_its_life_is_not(
    tokens: Tokens, acs: FakeAcs, clock: Clock
) -> None:
    # ACS may hand out less than was asked for.
    known: Any = FakeIdentities()
    short = Tokens(
        known,
        known,
        no_friends,
        _ShortLived(clock),
        POLICY,
        flight_seconds=5,
        now=clock,
    )
    first = await issue(short)
    clock.now += timedelta(minutes=6)

    assert await issue(short) != first


class _ShortLived(FakeAcs):
    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        return await super().issue_token(user_id, scopes, 10)


async def test_other_scopes_or_lifetimes_are_other_tokens(tokens: Tokens) -> None:
    kinds = [
        await issue(tokens),
        await issue(tokens, {"voip"}),
        await issue(tokens, {"chat"}),
        await issue(tokens, minutes=120),
    ]

    assert len(set(kinds)) == 4
    assert await issue(tokens, {"voip", "chat"}, 60) == kinds[0]  # what the default means


async def test_a_token_of_an_earlier_generation_is_never_used(
    tokens: Tokens, identities: FakeIdentities
) -> None:
    first = await issue(tokens)
    identities.generation += 1

    assert await issue(tokens) != first


async def test_requests_at_the_same_time_share_one_token(tokens: Tokens, acs: FakeAcs) -> None:
    acs.gate.clear()
    waiting = [asyncio.create_task(issue(tokens)) for _ in range(20)]
    await acs.asked.wait()
    acs.gate.set()

    assert len(set(await asyncio.gather(*waiting))) == 1
    assert acs.issued == 1


async def test_one_who_gives_up_leaves_the_others_their_token(tokens: Tokens, acs: FakeAcs) -> None:
    acs.gate.clear()
    first, second = (asyncio.create_task(issue(tokens)) for _ in range(2))
    await acs.asked.wait()
    first.cancel()
    acs.gate.set()

    assert await second == "token-1"
    assert acs.issued == 2
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_not_kept(tokens: Tokens, acs: FakeAcs) -> None:
    acs.failures.append(CommunicationUnavailable())
    with pytest.raises(CommunicationUnavailable):
        await issue(tokens)

    assert await issue(tokens) == "token-1"


async def test_a_changed_name_is_followed_once(tokens: Tokens, identities: FakeIdentities) -> None:
    renamed = Caller(ALICE.principal, "Alicia", frozenset(), NOON)
    for _ in range(2):
        await tokens.issue(renamed, None, None)

    assert identities.names == ["Alicia"]


@pytest.mark.parametrize(
    ("scopes", "minutes", "fields"),
    [
        ({"voip.join"}, None, ["scopes"]),
        ({"voip", "voip.join"}, 241, ["scopes", "expiresInMinutes"]),
        (None, 59, ["expiresInMinutes"]),
        (None, 0, ["expiresInMinutes"]),
    ],
)
async def test_beyond_the_policy_is_refused_with_its_limits(
    tokens: Tokens, acs: FakeAcs, scopes: set[str] | None, minutes: int | None, fields: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await issue(tokens, scopes, minutes)

    assert [fault.field for fault in caught.value.faults] == fields
    limits = {"scopes": "chat, voip", "expiresInMinutes": "60 to 240"}
    for fault in caught.value.faults:
        assert limits[fault.field] in fault.message
    assert acs.issued == 0


async def test_who_joins_a_flight_late_has_their_own_time() -> None:
    flight = SingleFlight[str, int](0.05)
    begun, gate = 0, asyncio.Event()

    async def work() -> int:
        nonlocal begun
        begun += 1
        await gate.wait()
        return begun

    early, late = (asyncio.create_task(flight.do("k", work)) for _ in range(2))
    with pytest.raises(TimeoutError):
        await early
    gate.set()

    assert await late == 2


async def test_a_request_that_comes_when_a_flight_ends_starts_the_next_one() -> None:
    flight = SingleFlight[str, int](0.05)
    late: list[asyncio.Task[int]] = []

    async def quick() -> int:
        return 2

    async def slow() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            # It runs when the shared request has ended, and before any waiter knows.
            late.append(asyncio.create_task(flight.do("k", quick)))
        return 1

    with pytest.raises(TimeoutError):
        await flight.do("k", slow)

    assert await late[0] == 2


async def test_a_role_may_ask_for_more_and_gets_no_more_unasked(tokens: Tokens) -> None:
    host = Caller(ALICE.principal, "Alice", frozenset({"Host", "Other"}), NOON)

    _, asked = await tokens.issue(host, frozenset({"voip.join", "chat"}), None)
    _, unasked = await tokens.issue(host, None, None)

    assert asked.scopes == {"voip.join", "chat"}
    assert unasked.scopes == {"voip", "chat"}


async def test_one_person_cannot_use_up_what_acs_allows_all(
    tokens: Tokens, acs: FakeAcs, clock: Clock
) -> None:
    for minutes in range(60, 80):
        await issue(tokens, minutes=minutes)
    with pytest.raises(Throttled) as caught:
        await issue(tokens, minutes=80)
    assert caught.value.retry_after == 60
    assert await issue(tokens, minutes=60) == "token-1"  # a young one is still handed out

    clock.now += timedelta(minutes=1)
    await issue(tokens, minutes=80)
    assert acs.issued == 21
