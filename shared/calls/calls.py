"""Call management: placing calls, and what has become of them; to steer one is `call_steering`.

Whatever costs money is named before ACS is asked: a lost answer, a kill, and the same request again
are one call.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared import audit
from shared.auth.roles import CALLS_MANAGE
from shared.calls.acs import CallAutomationApi, CallGone
from shared.calls.acs_types import EstablishedCall, RepeatabilityHeaders
from shared.calls.dialling import Dialling, Target
from shared.calls.events import CallEvent
from shared.calls.limits import CallLimit
from shared.calls.records import CallRecords, LoggedEvent
from shared.calls.rows import Call, CallState, Member
from shared.calls.settings import CallSettings
from shared.identity.identities import Identities
from shared.keys import key, principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import (
    BeingErased,
    CallEnded,
    CallRefused,
    Forbidden,
    NotConfigured,
    NotFound,
    TooManyCalls,
    Unauthenticated,
)
from shared.tables import Value
from shared.upstream.concurrency import for_each

# So long the same request may be made again: ACS forgets it after a day, and would call anew.
_REPEATABLE_SECONDS = 12 * 3600.0
# How long a list of calls is.
PAGE = 50


@dataclass(frozen=True)
class CallView:
    """A call as its creator or a manager sees it.

    Attributes:
        names: `user:…` or `bot:…` of members, and of who called which bot, by ACS id, as far as
            they are of the realm; where one call was asked for, as are its events.
    """

    call: Call
    names: Mapping[str, str] = field(default_factory=dict)
    events: tuple[LoggedEvent, ...] = ()


@dataclass(frozen=True)
class AppliedEvents:
    """What a callback was about.

    Attributes:
        call: as it was before the last of its events.
        is_news: whether any of them came for the first time.
    """

    call: Call
    is_news: bool


class Calls:
    """All calls of this service. Not yours and not there are one answer."""

    def __init__(
        self,
        records: CallRecords,
        acs: CallAutomationApi,
        identities: Identities,
        dialling: Dialling,
        limit: CallLimit,
        settings: CallSettings,
        enrolled: Callable[[Caller], Awaitable[object]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            enrolled: gives a caller an identity who has none.
        """
        self._records = records
        self._enrolled = enrolled
        self._acs = acs
        self._identities = identities
        self._dialling = dialling
        self._limit = limit
        self._settings = settings
        self._now = now

    async def place(
        self,
        caller: Caller,
        idempotency_key: str,
        targets: Sequence[Target],
        caller_id: str | None,
        group_id: str | None,
    ) -> CallView:
        """Call somebody, or join a group call; the same key again is the same call.

        Raises:
            InvalidRequest: who is to be called is not here, or may not be dialled.
            KeyReused: the key came before with something else.
            TooManyCalls: so many of the caller's calls go on.
            CallRefused: ACS does not take it.
            NotConfigured: a setting is missing.
        """
        if not self.can_be_called_back:
            raise NotConfigured("CALLBACK_BASE_URL is not set.")
        creator = caller.principal
        await self._enrolled(caller)  # an erasure marks it, which we see at the end
        known = await self._dialling.raw_ids(creator.realm, targets, "to.{}.")
        number = self._dialling.caller_id(known, caller_id)
        fingerprint = key("call", *sorted(known), number or "", group_id or "")
        call = await self._records.begin(creator, idempotency_key, fingerprint)
        if call.state is not CallState.PLACING:
            return CallView(call)
        if not call.was_asked_for:
            await self._refuse_many(creator, call)
            await self._records.tidy(creator)
            call = await self._named(call, tuple(known), group_id)
        elif not self._is_repeatable(call):
            raise CallEnded("The request is too old to be repeated: use another Idempotency-Key.")
        elif call.is_refused:  # so it did not count, and counts again from here on
            call = await self.change(call, lambda found: replace(found, is_refused=False))
            await self._refuse_many(creator, call, again=True)
        connection = await self._connect(call)
        audit.record("call-placed", creator, creator, call=call.call_id)
        try:
            # First bound, then looked: an erasure sees the one, or we see the other.
            call = await self.change(call, connection.bind)
            await self._identities.admit(caller)
        except (NotFound, Unauthenticated, BeingErased):
            await self._acs.hang_up(connection.id)
            await self._records.discard(call)
            await self._identities.admit(caller)  # which tells why the record is gone
            raise
        return CallView(call)

    async def get(self, caller: Caller, call_id: str) -> CallView:
        """One call, with its events.

        Raises:
            NotFound: for whatever reason.
        """
        call = await self.find_for(caller, call_id)
        events = await self._records.events_of(call_id)
        # Once more: whatever the events have changed is to be seen.
        call = await self._records.find(call_id) or call
        names = dict[str, str]()

        async def look_up(raw_id: str) -> None:
            owner = await self._identities.owner_of(raw_id)
            if owner is not None and owner.realm == call.realm:
                names[raw_id] = f"{owner.kind.value}:{owner.id}"

        # Looked up each time: of who was erased since nothing is left.
        raw_ids = {one.raw_id for one in call.people if one.phone_number is None}
        if call.bot_state is not None:
            raw_ids |= {call.bot_state.caller, *([call.own_id] if call.own_id else [])}
        await for_each(raw_ids, look_up)
        return CallView(call, names, tuple(events))

    async def list_for(
        self, caller: Caller, after: str, bot_id: str | None = None
    ) -> tuple[list[CallView], str | None]:
        """The caller's calls, or those to a bot of their realm, the newest first, some at a time;
        what the next page is after.

        Raises:
            Forbidden: only managers see the calls to bots.
            NotFound: there is no such bot.
        """
        await self._identities.admit(caller)
        creator = caller.principal
        if bot_id is not None:
            if CALLS_MANAGE not in caller.roles:
                raise Forbidden(f"This needs the app role {CALLS_MANAGE}.")
            creator = await self._bot(creator.realm, bot_id)
        await self._records.tidy(creator)
        calls, following = await self._records.page(creator, after, PAGE)
        return [CallView(call) for call in calls if self._records.is_kept(call)], following

    async def _bot(self, realm: str, bot_id: str) -> Principal:
        bot = Principal(Kind.BOT, realm, bot_id)
        try:
            found = await self._identities.find(bot)
        except BeingErased:
            found = None
        if found is None:
            raise NotFound("There is no bot by that name.")
        return bot

    async def hang_up(self, caller: Caller, call_id: str) -> None:
        """End a call for everyone; fine where it has ended."""
        call = await self.find_for(caller, call_id)
        if call.connection_id is None:
            raise CallEnded
        await self._end(call)

    async def apply(self, call_id: str, events: Sequence[CallEvent]) -> AppliedEvents:
        """Apply the events of a callback that is ACS's own; there is at least one.

        A call that nobody can see any more ends: its creator was erased while its answer was lost.

        Raises:
            NotFound: there is no such call.
            Forbidden: it is about another call of the resource.
        """
        is_news = False
        for event in events:
            call = await self._told_of(call_id, event)
            is_news |= await self._records.apply(call, event)
        return AppliedEvents(call, is_news)

    async def erase(self, principal: Principal) -> None:
        """End and remove every call that a person has placed, or made to a bot; repeatable."""
        live = [
            *await self._records.live_calls(principal),
            *await self._records.live_calls_to_bots(principal),
        ]
        for call in live:
            await self._end(call)
        await self._records.erase(principal)

    async def export(self, principal: Principal) -> list[dict[str, Value]]:
        """The calls that a person has placed, and made to bots."""
        return await self._records.export(principal)

    async def find_for(self, caller: Caller, call_id: str) -> Call:
        """A call that the caller placed, or that a manager of its realm may see.

        Raises:
            NotFound: for whatever reason.
        """
        await self._identities.admit(caller)
        call = await self._records.find(call_id) if call_id.isalnum() else None
        if call is not None and self._records.is_kept(call):
            manages = CALLS_MANAGE in caller.roles and call.realm == caller.principal.realm
            if manages or call.creator == principal_key(caller.principal):
                return call
        raise NotFound("There is no such call.")

    async def _connect(self, call: Call) -> EstablishedCall:
        """Have ACS make the call, each time by the same request. Where it refuses, an earlier
        request for it may have been taken: so the record stays, to be bound by the first event."""
        url = self.callback_url(call.call_id)
        once = RepeatabilityHeaders.named(call.call_id, call.created_at)
        speech = self.speech_endpoint
        try:
            if call.group_id is not None:
                return await self._acs.join(
                    call.group_id, url, speech_endpoint=speech, repeatability=once
                )
            phones = any(Member(raw_id).phone_number for raw_id in call.targets)
            return await self._acs.create(
                call.targets,
                url,
                caller_id=self._settings.caller_id if phones else None,
                speech_endpoint=speech,
                repeatability=once,
            )
        except (CallRefused, CallGone) as refused:
            await self.change(call, lambda found: replace(found, is_refused=True))
            if isinstance(refused, CallGone):
                raise CallRefused("ACS knows nothing of what is to be joined.") from refused
            raise

    async def _named(self, call: Call, targets: tuple[str, ...], group_id: str | None) -> Call:
        """Write down who is called, before they are."""
        return await self.change(
            call, lambda found: replace(found, group_id=group_id, targets=targets)
        )

    async def _refuse_many(self, creator: Principal, call: Call, *, again: bool = False) -> None:
        """Raises TooManyCalls where so many others go on, and forgets this one.

        Args:
            again: ACS has refused it before: then all others count, and it is not forgotten.
        """
        live = await self._records.live_calls(creator)
        others = await self._limit.others(call, live, later_too=again)
        if others < self._limit.most:
            return
        if again:
            await self.change(call, lambda found: replace(found, is_refused=True))
        else:
            await self._records.abandon(call)
        raise TooManyCalls(f"{others} of your calls go on: hang one up first.")

    def _is_repeatable(self, call: Call) -> bool:
        return (self._now() - call.created_at).total_seconds() < _REPEATABLE_SECONDS

    async def _end(self, call: Call) -> None:
        """Where ACS's answer was lost nobody knows which call it is, and whether there is one: its
        first event ends it, once the record is gone. To ask again would ring if there is none."""
        if call.goes_on and call.connection_id is not None:
            await self._acs.hang_up(call.connection_id)

    async def _told_of(self, call_id: str, event: CallEvent) -> Call:
        call = await self._records.find(call_id)
        if call is None:
            await self._end_unseen(call_id, event.data.call_connection_id)
            raise NotFound("There is no such call.")
        return call

    async def _end_unseen(self, call_id: str, connection_id: str) -> None:
        """Only where ACS itself says that this path is where it tells about the call: whoever has
        seen a token of ACS's could name any."""
        if await self._acs.callback_of(connection_id) == self.callback_url(call_id):
            await self._acs.hang_up(connection_id)

    @property
    def can_be_called_back(self) -> bool:
        """Do the settings say where ACS reaches this service?"""
        return bool(self._settings.callback_base)

    @property
    def speech_endpoint(self) -> str | None:
        """Of Azure AI services, for text to speech."""
        return self._settings.speech_endpoint or None

    def callback_url(self, call_id: str) -> str:
        """Where ACS tells about a call."""
        return f"{self._settings.callback_base}/api/callEvents/{call_id}"

    async def change(self, call: Call, change: Callable[[Call], Call]) -> Call:
        """Change the record of a call; raises NotFound where it was removed."""
        changed = await self._records.change(call.call_id, change)
        if changed is None:
            raise NotFound("There is no such call.")
        return changed
