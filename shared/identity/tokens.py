"""Issues and revokes ACS user access tokens, and enrols principals who have no identity yet."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from shared import audit
from shared.bounds import HEALS, NEW_TOKENS, REVOCATIONS
from shared.identity.acs import Grant
from shared.identity.enrolment import Enrolment
from shared.identity.identities import Identities
from shared.identity.rows import Identity, refuse_if_erased_since
from shared.identity.token_cache import TokenCache, TokenKey
from shared.identity.token_policy import Policy
from shared.limits import Budget
from shared.principals import Caller, Kind, Principal
from shared.problems import Conflict, NotFound
from shared.tables import RowChanged
from shared.unavailable import IdentityGone, StorageUnavailable
from shared.upstream.concurrency import SharedWork, SingleFlight

# Seconds that an announcement to all friends may take in the background: it makes two requests for
# each friend, and Table Storage allows an account 20,000 a second.
_ANNOUNCING_SECONDS = 60.0
NO_BOT = "There is no bot by that name."


class AcsTokens(Protocol):
    """The part of `shared.identity.acs` that is used here."""

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant: ...

    async def revoke_tokens(self, user_id: str) -> None: ...


# Tells all friends of a person the identity and name that the person has now.
type Announce = Callable[[Principal, Identity], Awaitable[None]]


class Tokens:
    """Issues tokens to authenticated callers, and to operators for their bots."""

    def __init__(
        self,
        identities: Identities,
        enrolment: Enrolment,
        announce: Announce,
        acs: AcsTokens,
        policy: Policy,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identities = identities
        self._enrolment = enrolment
        self._announce_to_friends = announce
        self._acs = acs
        self._policy = policy
        self._cache = TokenCache(now)
        self._new_tokens = Budget(NEW_TOKENS.number, now)
        self._revocations = Budget(REVOCATIONS.number, now)
        self._heals = Budget(HEALS.number, now)
        self._enrolments = SingleFlight[Principal, Identity](flight_seconds)
        self._issues = SharedWork[TokenKey, Grant](flight_seconds)
        self._announcements = SingleFlight[tuple[Principal, int], None](_ANNOUNCING_SECONDS)
        self._announcing_wait = flight_seconds / 4

    async def issue(
        self, caller: Caller, scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[Identity, Grant]:
        """A token for the caller, and their identity, which is created if they had none.

        While a token is young, the same one is issued again. At most `NEW_TOKENS` new ones.

        Args:
            scopes: None for the policy's default.
            minutes: the lifetime; None for the policy's default.

        Raises:
            InvalidRequest: the policy does not allow these scopes or this lifetime.
            Throttled: too many new tokens.
            Unauthenticated, BeingErased: the caller was erased, or is being erased.
        """
        scopes, minutes = self._policy.decide(caller.roles, scopes, minutes)
        principal, name = caller.principal, caller.display_name
        identity = await self._enrolled(caller, scopes, minutes)
        # If two bearer tokens hold different names, the newer one is right: the stored name must
        # not change back and forth.
        is_newer = identity.named_at is None or caller.issued_at > identity.named_at
        if name and name != identity.display_name and is_newer:
            # If the name cannot be written, the next request tries again: the caller still gets
            # a token. If two requests change it at the same time, either name is right.
            with contextlib.suppress(RowChanged, StorageUnavailable):
                identity = await self._identities.rename(identity, name, caller.issued_at)
        identity, grant = await self._issue_or_heal(caller, principal, identity, scopes, minutes)
        if principal.kind is Kind.USER and not identity.is_announced:
            await self._announce(principal, identity)
        return identity, grant

    async def enrolled(self, caller: Caller) -> Identity:
        """The caller's identity, which is created if they had none. Raises as `issue`."""
        scopes, minutes = self._policy.decide(caller.roles, None, None)
        return await self._enrolled(caller, scopes, minutes)

    async def issue_to_bot(
        self,
        operator: Caller,
        bot: Principal | None,
        scopes: frozenset[str] | None,
        minutes: int | None,
    ) -> tuple[Identity, Grant]:
        """A token for a registered bot, within the policy for its operator.

        Args:
            bot: None for an id that is too long for any bot to have.

        Raises:
            NotFound: the bot is not registered.
        """
        scopes, minutes = self._policy.decide(operator.roles, scopes, minutes)
        if bot is None:
            raise NotFound(NO_BOT)
        await self._identities.admit(operator)
        identity = await self._identities.find(bot)
        if identity is None:
            raise NotFound(NO_BOT)
        return await self._issue_or_heal(operator, bot, identity, scopes, minutes)

    async def enrol_bot(self, bot: Principal, display_name: str) -> Identity:
        """The identity of a bot, which is created if it had none."""
        scopes, minutes = self._policy.decide(frozenset(), None, None)
        return await self._enrol(bot, display_name, scopes, minutes, None)

    async def revoke(self, caller: Caller, principal: Principal) -> None:
        """Revoke all tokens of the caller, or of a bot. Repeatable; no error if there are none.

        The generation is raised before ACS is asked, so that no cache issues dead tokens even if a
        kill comes in between. It is raised again afterwards: ACS may have revoked a token that was
        issued in between, or not, so no request that starts after our answer may get it.
        """
        proven_at = caller.issued_at if caller.principal == principal else None
        if proven_at is None:
            await self._identities.admit(caller)
        self._revocations.spend(principal)
        identity = await self._identities.raise_generation(principal, proven_at)
        if identity is None:
            return
        with contextlib.suppress(IdentityGone):  # its tokens are dead too; the next request heals
            await self._acs.revoke_tokens(identity.communication_user_id)
        await self._identities.raise_generation(principal, proven_at)
        audit.record("tokens-revoked", caller.principal, principal)

    async def _issue_or_heal(
        self,
        caller: Caller,
        principal: Principal,
        identity: Identity,
        scopes: frozenset[str],
        minutes: int,
    ) -> tuple[Identity, Grant]:
        """A token for an identity; if ACS no longer knows it, for a new identity instead."""
        key = TokenKey.of(identity, scopes, minutes)
        try:
            grant = await self._issue(key)
        except IdentityGone:
            proven_at = caller.issued_at if caller.principal == principal else None
            identity = await self._heal(principal, identity, scopes, minutes, proven_at)
            refuse_if_erased_since(identity.row, proven_at)  # as in `_enrolled`
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
            await self._enrolment.discard_spare(principal, identity)
            return identity
        name = caller.display_name
        identity = await self._enrol(principal, name, scopes, minutes, proven_at)
        # We may have waited for a flight that a newer bearer token started, that of a person who
        # came after an erasure.
        refuse_if_erased_since(identity.row, proven_at)
        return identity

    async def _announce(self, principal: Principal, identity: Identity) -> None:
        """Tell friends the principal's new name and ACS id.

        A person with thousands of friends does not wait until all are told, and a failure here
        does not cost them the token: each token request starts again until it is marked as done.
        """

        async def announce() -> None:
            await self._announce_to_friends(principal, identity)
            await self._identities.mark_announced(identity)

        with contextlib.suppress(RowChanged, Conflict, StorageUnavailable, TimeoutError):
            async with asyncio.timeout(self._announcing_wait):
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
            return self._cache_first_token(
                *await self._enrolment.enrol(principal, display_name, scopes, minutes, proven_at)
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
            return self._cache_first_token(
                *await self._enrolment.heal(principal, dead, scopes, minutes, proven_at)
            )

        return await self._enrolments.do(principal, heal)

    def _cache_first_token(self, identity: Identity, grant: Grant | None) -> Identity:
        """The requests that share this enrolment may want other scopes than the first token has;
        so each looks in the cache."""
        if grant:
            self._cache.keep(TokenKey.of(identity, grant.scopes, grant.minutes), grant)
        return identity

    async def _issue(self, key: TokenKey) -> Grant:
        async def issue() -> Grant:
            self._new_tokens.spend(key.communication_user_id)
            grant = await self._acs.issue_token(key.communication_user_id, key.scopes, key.minutes)
            self._cache.keep(key, grant)
            return grant

        return self._cache.find(key) or await self._issues.do(key, issue)
