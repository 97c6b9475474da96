"""Issuing ACS user access tokens: policy, a short-lived cache, one request in flight for each."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.acs_identity import Grant
from shared.identities import Identities, Identity
from shared.principals import Caller, Principal
from shared.problems import Fault, InvalidRequest
from shared.settings import MIN_TOKEN_MINUTES
from shared.upstream import SingleFlight

# A cached token is handed out again while it is at most this old and half its life is left: apps
# ask again on every page load, and each question would otherwise count against ACS's limits.
_YOUNG = timedelta(minutes=15)
_MOST_CACHED = 10_000  # about 1.5 KiB each


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
            InvalidRequest: more is wanted than the policy allows; it names the limits.
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


class TokenIssuer(Protocol):
    """What of `shared.acs_identity` is needed here."""

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...


@dataclass(frozen=True)
class _Wanted:
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
        acs: TokenIssuer,
        policy: Policy,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identities = identities
        self._acs = acs
        self._policy = policy
        self._now = now
        self._cache: OrderedDict[_Wanted, Grant] = OrderedDict()
        self._enrolments = SingleFlight[Principal, Identity](flight_seconds)
        self._issues = SingleFlight[_Wanted, Grant](flight_seconds)

    async def issue(
        self, caller: Caller, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[Identity, Grant]:
        """A token for the caller, whose identity is created when there was none.

        Args:
            scopes: None for all that the policy allows.
            minutes: lifetime; None for the policy's.

        Raises:
            InvalidRequest: beyond the policy.
        """
        scopes, minutes = self._policy.decide(scopes, minutes)
        identity = await self._identities.find(caller.principal)
        if identity is None:
            identity = await self._enrolments.do(
                caller.principal, lambda: self._enrol(caller, scopes, minutes)
            )
        elif caller.display_name and caller.display_name != identity.display_name:
            identity = await self._identities.rename(identity, caller.display_name)
        wanted = _Wanted(identity.communication_user_id, identity.generation, scopes, minutes)
        grant = self._cached(wanted) or await self._issues.do(wanted, lambda: self._issue(wanted))
        return identity, grant

    async def _enrol(self, caller: Caller, scopes: frozenset[str], minutes: int) -> Identity:
        identity, grant = await self._identities.enrol(
            caller.principal, caller.display_name, scopes, minutes
        )
        if grant:
            self._remember(identity, grant)
        return identity

    async def _issue(self, wanted: _Wanted) -> Grant:
        grant = await self._acs.issue_token(
            wanted.communication_user_id, wanted.scopes, wanted.minutes
        )
        self._keep(wanted, grant)
        return grant

    def _remember(self, identity: Identity, grant: Grant) -> None:
        self._keep(
            _Wanted(
                identity.communication_user_id, identity.generation, grant.scopes, grant.minutes
            ),
            grant,
        )

    def _keep(self, wanted: _Wanted, grant: Grant) -> None:
        self._cache[wanted] = grant
        self._cache.move_to_end(wanted)
        if len(self._cache) > _MOST_CACHED:
            self._cache.popitem(last=False)

    def _cached(self, wanted: _Wanted) -> Grant | None:
        grant = self._cache.get(wanted)
        if grant is None:
            return None
        now = self._now()
        half_life = (grant.expires_on - grant.asked_at) / 2
        if now - grant.asked_at <= _YOUNG and grant.expires_on - now >= half_life:
            self._cache.move_to_end(wanted)
            return grant
        del self._cache[wanted]
        return None
