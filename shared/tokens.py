"""Issuing ACS user access tokens: policy, a short-lived cache, one request in flight for each."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.acs_identity import Grant
from shared.identities import Identities, Identity
from shared.principals import Caller, Principal
from shared.problems import Fault, InvalidRequest, Throttled
from shared.settings import MIN_TOKEN_MINUTES
from shared.upstream import SingleFlight

# A cached token is handed out again while it is at most this old and half its life is left: apps
# ask again on every page load, and each question would otherwise count against ACS's limits.
_YOUNG = timedelta(minutes=15)
_MOST_CACHED = 10_000  # about 1.5 KiB each
# Fresh tokens for one identity on one host in a minute. ACS allows the whole resource 1,000 in 30
# seconds, and somebody who asks for another lifetime each time must not use that up for all.
_MOST_FRESH, _MINUTE = 30, timedelta(minutes=1)


@dataclass(frozen=True)
class Policy:
    """What may be asked for. Minutes."""

    scopes: frozenset[str]
    default_minutes: int
    max_minutes: int

    def decide(
        self, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[frozenset[str], int]:
        """What to ask ACS for.

        Raises:
            InvalidRequest: more is key than the policy allows; it names the limits.
        """
        faults = []
        if scopes is not None and not scopes <= self.scopes:
            allowed = ", ".join(sorted(self.scopes))
            faults.append(Fault("policy", "scopes", f"allowed here: {allowed}"))
        if minutes is not None and not MIN_TOKEN_MINUTES <= minutes <= self.max_minutes:
            limits = f"allowed here: {MIN_TOKEN_MINUTES} to {self.max_minutes}"
            faults.append(Fault("policy", "expiresInMinutes", limits))
        if faults:
            listed = "; ".join(f"{fault.field} {fault.message}" for fault in faults)
            raise InvalidRequest(f"Beyond the service's policy: {listed}.", faults=faults)
        return scopes or self.scopes, minutes or self.default_minutes


class AcsTokens(Protocol):
    """What of `shared.acs_identity` is needed here."""

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...


@dataclass(frozen=True)
class _Key:
    """One kind of token of one identity. The generation was read when the request started, so a
    token made before a revocation is never found by a request that started after it."""

    communication_user_id: str
    generation: int
    scopes: frozenset[str]
    minutes: int


class Tokens:
    """Issues tokens to callers who have proven who they are."""

    def __init__(
        self,
        identities: Identities,
        acs: AcsTokens,
        policy: Policy,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identities = identities
        self._acs = acs
        self._policy = policy
        self._now = now
        self._cache: OrderedDict[_Key, Grant] = OrderedDict()
        self._enrolments = SingleFlight[Principal, Identity](flight_seconds)
        self._issues = SingleFlight[_Key, Grant](flight_seconds)
        self._fresh: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    async def issue(
        self, caller: Caller, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[Identity, Grant]:
        """A token for the caller, whose identity is created when there was none.

        The same token again while it is young; at most 30 fresh ones a minute.

        Args:
            scopes: None for all that the policy allows.
            minutes: lifetime; None for the policy's.

        Raises:
            InvalidRequest: beyond the policy.
            Throttled: too many different ones.
        """
        scopes, minutes = self._policy.decide(scopes, minutes)
        identity = await self._identities.find(caller.principal)
        if identity is None:
            identity = await self._enrolments.do(
                caller.principal, lambda: self._enrol(caller, scopes, minutes)
            )
        else:
            await self._identities.settle(caller.principal, identity)
        if caller.display_name and caller.display_name != identity.display_name:
            identity = await self._identities.rename(identity, caller.display_name)
        key = _key(identity, scopes, minutes)
        grant = self._cached(key) or await self._issues.do(key, lambda: self._issue(key))
        return identity, grant

    async def _enrol(self, caller: Caller, scopes: frozenset[str], minutes: int) -> Identity:
        identity, grant = await self._identities.enrol(
            caller.principal, caller.display_name, scopes, minutes
        )
        if grant:
            # Through the cache, because others who wait for this enrolment may want other scopes.
            self._keep(_key(identity, grant.scopes, grant.minutes), grant)
        return identity

    def _count_fresh(self, communication_user_id: str) -> None:
        now = self._now()
        began, count = self._fresh.get(communication_user_id, (now, 0))
        if now - began >= _MINUTE:
            began, count = now, 0
        if count >= _MOST_FRESH:
            wait = (began + _MINUTE - now).total_seconds()
            raise Throttled("Too many different tokens of one person.", retry_after=wait)
        self._fresh[communication_user_id] = (began, count + 1)
        if len(self._fresh) > _MOST_CACHED:
            self._fresh.popitem(last=False)

    async def _issue(self, key: _Key) -> Grant:
        self._count_fresh(key.communication_user_id)
        grant = await self._acs.issue_token(key.communication_user_id, key.scopes, key.minutes)
        self._keep(key, grant)
        return grant

    def _keep(self, key: _Key, grant: Grant) -> None:
        self._cache[key] = grant
        self._cache.move_to_end(key)
        if len(self._cache) > _MOST_CACHED:
            self._cache.popitem(last=False)

    def _cached(self, key: _Key) -> Grant | None:
        grant = self._cache.get(key)
        if grant is None:
            return None
        now = self._now()
        half_life = (grant.expires_on - grant.asked_at) / 2
        if now - grant.asked_at <= _YOUNG and grant.expires_on - now >= half_life:
            self._cache.move_to_end(key)
            return grant
        del self._cache[key]
        return None


def _key(identity: Identity, scopes: frozenset[str], minutes: int) -> _Key:
    return _Key(identity.communication_user_id, identity.generation, scopes, minutes)
