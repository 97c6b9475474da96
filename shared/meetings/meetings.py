"""Teams meetings that ACS users join: the service schedules them through Graph, or people made them
in Outlook, Teams or Bookings and share the link."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from shared import audit
from shared.changes import TRIES
from shared.identity.identities import Identities
from shared.intents import Finisher, Intent, Intents
from shared.keys import principal_key
from shared.meetings.graph import GraphApi, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.meeting_ids import MeetingIdChanged
from shared.meetings.rows import CANCEL
from shared.meetings.scheduled_meetings import ScheduledMeetings
from shared.meetings.teams_updates import TeamsUpdates, join_details
from shared.meetings.unfinished import UnfinishedMeetings
from shared.meetings.wanted_meetings import WantedMeeting
from shared.principals import Caller, Kind, Principal
from shared.problems import BeingErased, Conflict, MeetingRefused, NotConfigured, Unauthenticated
from shared.sharing.audiences import Audience
from shared.sharing.drafts import Draft
from shared.sharing.invitations import Invitations, SharedCallView
from shared.sharing.join_details import JoinDetails
from shared.sharing.rows import (
    LONGEST_TITLE,
    CallKind,
    Content,
    Host,
    call_key,
    is_call_id,
)
from shared.sharing.shared_calls import SharedCalls
from shared.texts import visible
from shared.unavailable import GraphRefused
from shared.upstream.concurrency import SingleFlight

logger = logging.getLogger(__name__)


class Meetings:
    """Schedules, shares and cancels Teams meetings.

    A link and a passcode are capabilities, like a group id: only the audience gets them.
    """

    def __init__(
        self,
        invitations: Invitations,
        calls: SharedCalls,
        scheduled: ScheduledMeetings,
        identities: Identities,
        intents: Intents,
        graph: GraphApi | None,
        organizer: str,
        *,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            organizer: object id of the Entra user who is the organizer for callers whom Entra did
                not sign in, or for whom the app may not act; "" if there is none.
            flight_seconds: how long scheduling may take; equal requests share one attempt.
        """
        self._invitations = invitations
        self._calls = calls
        self._scheduled = scheduled
        self._identities = identities
        self._intents = intents
        self._graph = graph
        self._updates = TeamsUpdates(scheduled, calls, graph, now)
        self._organizer = organizer
        self._now = now
        self._flights = SingleFlight[object, tuple[SharedCallView, int, bool]](flight_seconds)

    @property
    def finishers(self) -> Mapping[str, Finisher]:
        """The finishers of requests to schedule and to cancel."""
        return UnfinishedMeetings(
            self._scheduled, self._calls, self._updates, self._identities, self._now
        ).finishers

    async def schedule(
        self, caller: Caller, external_id: str, plan: MeetingPlan, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        """Schedule a meeting in Teams and share it, or change one of the caller's. Repeatable.

        Args:
            external_id: the caller's own id of the meeting; another caller's is another meeting.

        Returns:
            The meeting, how many people are invited, and whether it was not shared before.

        Raises:
            InvalidRequest, TooManyShared, Conflict: as `Invitations.prepare` and `publish`.
            NotConfigured: the settings name no Graph, or there is nobody to be the organizer.
            GraphRefused: the app may act for none of the organizers.
            MeetingRefused: Teams does not accept the plan.
        """
        # If a form is sent twice at the same time, both get the answer of one request.
        return await self._flights.do(
            (caller, external_id, plan, audience),
            lambda: self._schedule(caller, external_id, plan, audience),
        )

    async def share(
        self,
        caller: Caller,
        link: str,
        title: str | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
        audience: Audience,
    ) -> tuple[SharedCallView, int, bool]:
        """Share a meeting that people have made; returns and raises as `Invitations.share`.

        If Entra has signed the caller in, the link is enough: the title and the times of the
        caller's own meeting are read from Teams, under the caller's object id and no other.
        """
        call_id = call_key(caller.principal, CallKind.TEAMS_MEETING, f"link {link}")
        async with self._invitations.sharing(caller, call_id, audience) as draft:
            content, details = await self._describe(caller, link, title, starts_at, ends_at)
            return await self._invitations.publish(caller, draft, content, details)

    async def _describe(
        self,
        caller: Caller,
        link: str,
        title: str | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
    ) -> tuple[Content, JoinDetails]:
        """What to share of a meeting that people have made, and how to join it."""
        meeting, now = await self._find_own_meeting(caller, link), self._now()
        details = JoinDetails(checked_at=now)
        if meeting is not None:
            details = join_details(meeting, now)
            title = title or visible(meeting.subject or "", LONGEST_TITLE) or None
            if starts_at is ends_at is None and meeting.ends_at and meeting.ends_at > now:
                starts_at, ends_at = meeting.starts_at, meeting.ends_at
        return self._content(caller, link, title, starts_at, ends_at), details

    async def cancel(self, caller: Caller, call_id: str) -> None:
        """Stop sharing a meeting, and delete it in Teams if this service scheduled it.

        Repeatable; does nothing if the caller shares no such meeting.
        """
        if not is_call_id(call_id):
            return
        await self._identities.admit(caller)
        owner = principal_key(caller.principal)
        scheduled, record = await asyncio.gather(
            self._scheduled.find(owner, call_id), self._calls.find(call_id)
        )
        if scheduled is None:
            await self._invitations.unshare(caller, call_id, CallKind.TEAMS_MEETING)
            return
        change_id = "" if record is None else record.change_id
        details = {**scheduled.intent_details(), "change": change_id}
        async with self._intents.around(CANCEL, call_id, details):
            await self._cancel(caller, owner, call_id)

    async def _cancel(self, caller: Caller, owner: str, call_id: str) -> None:
        scheduled = await self._scheduled.mark_cancelling(owner, call_id)
        for _ in range(TRIES):
            await self._invitations.unshare(caller, call_id, CallKind.TEAMS_MEETING)
            # If the meeting was scheduled again meanwhile, we may have unshared the new one: then
            # that one has to be deleted.
            current = await self._scheduled.mark_cancelling(owner, call_id)
            if current is None:
                return
            if scheduled is not None and current.creation_id == scheduled.creation_id:
                with _log_remedy():
                    await self._scheduled.delete(current)
                return
            scheduled = current
        raise Conflict

    async def _schedule(
        self, caller: Caller, external_id: str, plan: MeetingPlan, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        if self._graph is None:
            raise NotConfigured("GRAPH_ENDPOINT is not set.")
        owner = principal_key(caller.principal)
        former_id = call_key(caller.principal, CallKind.TEAMS_MEETING, f"external id {external_id}")
        for _ in range(TRIES):
            call_id = await self._scheduled.find_or_make_id(owner, external_id, former_id)
            wanted = WantedMeeting(
                owner,
                call_id,
                external_id,
                plan,
                caller.issued_at,
                self._organizers(caller),
                partial(_note_made, caller.principal, call_id),
            )
            begun = list[Intent]()
            try:
                async with self._invitations.sharing(caller, call_id, audience) as draft:
                    made = await self._make_and_share(caller, draft, wanted, begun)
            except MeetingIdChanged:
                continue
            except (Unauthenticated, BeingErased):
                # The caller was erased meanwhile, or while an earlier request of theirs was killed.
                await self._scheduled.delete_leftover(owner, call_id, caller.issued_at)
                await self._end(begun)
                raise
            except (MeetingRefused, Conflict):
                await self._end(begun)  # Teams and the record are as they were, or as others said
                raise
            await self._end(begun)
            return made
        raise Conflict

    async def _make_and_share(
        self, caller: Caller, draft: Draft, wanted: WantedMeeting, begun: list[Intent]
    ) -> tuple[SharedCallView, int, bool]:
        """Make a meeting, share it, and have Teams hold what the record says.

        Args:
            begun: the intents that this begins are added.
        """
        plan = wanted.plan
        for _ in range(TRIES):
            scheduled, meeting = await self._scheduled.ensure(wanted, begun)
            content = self._content(
                caller, meeting.link, plan.subject, plan.starts_at, plan.ends_at
            )
            details = join_details(meeting, self._now(), plan.lobby)
            shared, invited, is_new = await self._invitations.publish(
                caller, draft, content, details, by_teams=True
            )
            try:
                is_current = await self._scheduled.is_current(scheduled)
            except Conflict:  # it was cancelled meanwhile, before we shared it
                await self._calls.end_change(draft.call_id, draft.change_id)
                raise
            if not is_current:  # it was made anew meanwhile: share the new one
                draft = replace(draft, change_id=uuid.uuid4().hex)
                continue
            with _log_remedy():
                details = await self._updates.settle(scheduled, draft.change_id)
            return replace(shared, details=details), invited, is_new
        raise Conflict

    async def _end(self, intents: list[Intent]) -> None:
        for intent in intents:
            await self._intents.end(intent)

    def _organizers(self, caller: Caller) -> list[str]:
        """The Entra users who may be the organizer: the caller first, then the service's own."""
        candidates = (_object_id_of_user(caller), self._organizer)
        return list(dict.fromkeys(object_id for object_id in candidates if object_id))

    async def _find_own_meeting(self, caller: Caller, link: str) -> OnlineMeeting | None:
        object_id = _object_id_of_user(caller)
        if self._graph is None or not object_id:
            return None
        try:
            return await self._graph.find_by_link(object_id, link)
        except (GraphRefused, MeetingRefused) as refused:
            # It is not the caller's, or we may not read it, or Graph does not accept the link. The
            # meeting can be shared without what Teams knows about it.
            logger.info("a shared meeting was not looked up: %s", refused.code)
            return None

    def _content(
        self,
        caller: Caller,
        link: str,
        title: str | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
    ) -> Content:
        return Content(
            kind=CallKind.TEAMS_MEETING,
            locator={"meetingLink": link},
            title=title,
            starts_at=starts_at,
            ends_at=ends_at,
            shared_at=self._now(),
            host=Host(caller.principal.id, caller.display_name),
        )


def _note_made(who: Principal, call_id: str) -> None:
    audit.record("meeting-scheduled", who, who, call=call_id)


def _object_id_of_user(caller: Caller) -> str | None:
    """The caller's Entra object id; None for a service, which cannot be an organizer."""
    return caller.entra_object_id if caller.principal.kind is Kind.USER else None


@contextlib.contextmanager
def _log_remedy() -> Iterator[None]:
    """Log what the operator has to do if Graph refuses the second half of a change."""
    try:
        yield
    except GraphRefused as refused:
        logger.error("a meeting is as it was: %s", refused.remedy)
        raise
