"""Issuing and revoking ACS user access tokens, and enrolling who has no identity yet."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from shared import audit
from shared.identity.acs import Grant
from shared.identity.identities import Identities
from shared.identity.rows import Identity, refuse_forgotten
from shared.identity.token_cache import TokenCache, TokenKey
from shared.identity.token_policy import Policy
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import Conflict, IdentityGone, NotFound, StorageUnavailable
from shared.tables import RowChanged
from shared.upstream.concurrency import SingleFlight

# Seconds that telling all friends may take in the background: two requests each, and Table Storage
# allows an account 20,000 a second.
_ANNOUNCING_SECONDS = 60.0


class AcsTokens(Protocol):
    """What of `shared.identity.acs` is needed here."""

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...

    async def revoke_tokens(self, user_id: str) -> None: ...


# Tells all friends of a person which identity and name they have now.
type Announce = Callable[[Principal, Identity], Awaitable[None]]


class Tokens:
    """Issues tokens to callers who have proven who they are, and to bots for their operators."""

    def __init__(
        self,
        identities: Identities,
        announce: Announce,
        acs: AcsTokens,
        policy: Policy,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identities = identities
        self._announce_to_friends = announce
        self._acs = acs
        self._policy = policy
        self._cache = TokenCache(now)
        # ACS allows the whole resource 1,000 tokens and 500 revocations in 30 seconds; nobody may
        # use that up for all. Nor may an ACS that is confused make us create without end.
        self._fresh = Budget(100, now)
        self._revocations = Budget(20, now)
        self._heals = Budget(3, now)
        self._enrolments = SingleFlight[Principal, Identity](flight_seconds)
        self._issues = SingleFlight[TokenKey, Grant](flight_seconds)
        self._announcements = SingleFlight[tuple[Principal, int], None](_ANNOUNCING_SECONDS)
        self._announcing_patience = flight_seconds / 4

    async def issue(
        self, caller: Caller, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[Identity, Grant]:
        """A token for the caller, whose identity is created when there was none.

        The same token again while it is young; at most 100 fresh ones a minute.

        Args:
            scopes: None for the policy's.
            minutes: lifetime; None for the policy's.

        Raises:
            InvalidRequest: beyond the policy.
            Throttled: too many different ones.
            Unauthenticated, BeingErased: the caller was erased, or is just being.
        """
        scopes, minutes = self._policy.decide(caller.roles, scopes, minutes)
        principal, name = caller.principal, caller.display_name
        identity = await self._enrolled(caller, scopes, minutes)
        # Of two bearer tokens with two names the younger is right: they shall not take turns.
        is_news = identity.named_at is None or caller.issued_at > identity.named_at
        if name and name != identity.display_name and is_news:
            # Where it cannot be written the next request tries again: nobody goes without a token
            # for a name. Where two change it at once, either is fine.
            with contextlib.suppress(RowChanged, StorageUnavailable):
                identity = await self._identities.rename(identity, name, caller.issued_at)
        identity, grant = await self._issue_alive(caller, principal, identity, scopes, minutes)
        if principal.kind is Kind.USER and not identity.is_announced:
            await self._announce(principal, identity)
        return identity, grant

    async def enrolled(self, caller: Caller) -> Identity:
        """The caller's identity, created when there was none; raises as `issue`."""
        scopes, minutes = self._policy.decide(caller.roles, None, None)
        return await self._enrolled(caller, scopes, minutes)

    async def issue_to_bot(
        self, operator: Caller, bot: Principal, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[Identity, Grant]:
        """A token for a registered bot, within its operator's policy.

        Raises:
            NotFound: it is not registered.
        """
        scopes, minutes = self._policy.decide(operator.roles, scopes, minutes)
        await self._identities.admit(operator)
        identity = await self._identities.find(bot)
        if identity is None:
            raise NotFound("There is no bot by that name.")
        return await self._issue_alive(operator, bot, identity, scopes, minutes)

    async def enrol_bot(self, bot: Principal, display_name: str) -> Identity:
        """The identity of a bot, created when there was none."""
        scopes, minutes = self._policy.decide(frozenset(), None, None)
        return await self._enrol(bot, display_name, scopes, minutes, None)

    async def revoke(self, caller: Caller, principal: Principal) -> None:
        """End all tokens of the caller, or of a bot; repeatable, and fine where there are none.

        The generation is raised before ACS is asked, so that a kill in between leaves no cache
        that hands out dead tokens; and after, so that a token made in between, which ACS may have
        ended or not, is not handed out to a request that starts when this has answered.
        """
        proven_at = caller.issued_at if caller.principal == principal else None
        if proven_at is None:
            await self._identities.admit(caller)
        self._revocations.spend(principal)
        identity = await self._identities.raise_generation(principal, proven_at)
        if identity is None:
            return
        with contextlib.suppress(IdentityGone):  # its tokens are gone too; the next request heals
            await self._acs.revoke_tokens(identity.communication_user_id)
        await self._identities.raise_generation(principal, proven_at)
        audit.record("tokens-revoked", caller.principal, principal)

    async def _issue_alive(
        self,
        caller: Caller,
        principal: Principal,
        identity: Identity,
        scopes: frozenset[str],
        minutes: int,
    ) -> tuple[Identity, Grant]:
        """A token for an identity; for a new one where ACS no longer knows this one."""
        key = TokenKey.of(identity, scopes, minutes)
        try:
            grant = await self._issue(key)
        except IdentityGone:
            proven_at = caller.issued_at if caller.principal == principal else None
            identity = await self._heal(principal, identity, scopes, minutes, proven_at)
            refuse_forgotten(identity.row, proven_at)  # the flight may have been another's
            grant = await self._issue(TokenKey.of(identity, scopes, minutes))
        audit.record(
            "token-issued",
            caller.principal,
            principal,
            scopes=",".join(sorted(scopes)),
            expires=grant.expires_on.isoformat(timespec="seconds"),
        )
        return identity, grant

    async def _enrolled(self, caller: Caller, scopes: frozenset[str], minutes: int) -> Identity:
        principal, proven_at = caller.principal, caller.issued_at
        identity = await self._identities.find(principal, proven_at)
        if identity is not None:
            await self._identities.discard_spare(principal, identity)
            return identity
        name = caller.display_name
        identity = await self._enrol(principal, name, scopes, minutes, proven_at)
        # The flight may have been another bearer token's, of the person who came afterwards.
        refuse_forgotten(identity.row, proven_at)
        return identity

    async def _announce(self, principal: Principal, identity: Identity) -> None:
        """Tell friends who this is now.

        Whoever has thousands does not wait for it, and nobody goes without a token for it: until
        it is noted as done, each token begins it again.
        """

        async def announce() -> None:
            await self._announce_to_friends(principal, identity)
            await self._identities.note_announced(identity)

        with contextlib.suppress(RowChanged, Conflict, StorageUnavailable, TimeoutError):
            async with asyncio.timeout(self._announcing_patience):
                await self._announcements.do((principal, identity.version), announce)

    async def _enrol(
        self,
        principal: Principal,
        display_name: str | None,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None,
    ) -> Identity:
        async def enrol() -> Identity:
            return self._remembered(
                *await self._identities.enrol(principal, display_name, scopes, minutes, proven_at)
            )

        return await self._enrolments.do(principal, enrol)

    async def _heal(
        self,
        principal: Principal,
        dead: Identity,
        scopes: frozenset[str],
        minutes: int,
        proven_at: datetime | None,
    ) -> Identity:
        async def heal() -> Identity:
            self._heals.spend(principal)
            return self._remembered(
                *await self._identities.heal(principal, dead, scopes, minutes, proven_at)
            )

        return await self._enrolments.do(principal, heal)

    def _remembered(self, identity: Identity, grant: Grant | None) -> Identity:
        """The first token goes through the cache, because others who wait for this identity may
        want other scopes."""
        if grant:
            self._cache.keep(TokenKey.of(identity, grant.scopes, grant.minutes), grant)
        return identity

    async def _issue(self, key: TokenKey) -> Grant:
        async def issue() -> Grant:
            self._fresh.spend(key.communication_user_id)
            grant = await self._acs.issue_token(key.communication_user_id, key.scopes, key.minutes)
            self._cache.keep(key, grant)
            return grant

        return self._cache.find(key) or await self._issues.do(key, issue)
