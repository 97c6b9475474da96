"""Teams meetings that ACS users join: scheduled here, or made by people in Outlook, Teams or
Bookings and shared by their link."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from shared.identity.identities import Identities
from shared.keys import principal_key
from shared.meetings.graph import GraphApi, MeetingGone, MeetingPlan
from shared.meetings.graph_answers import OnlineMeeting
from shared.meetings.rows import ScheduledMeeting
from shared.meetings.scheduled_meetings import ScheduledMeetings
from shared.principals import Caller, Kind, visible
from shared.problems import (
    BeingErased,
    Conflict,
    GraphRefused,
    MeetingRefused,
    NotConfigured,
    Unauthenticated,
)
from shared.sharing.audiences import Audience, InvitedAudience
from shared.sharing.invitations import Invitations, SharedCallView
from shared.sharing.rows import (
    LONGEST_TITLE,
    CallKind,
    Content,
    Host,
    JoinDetails,
    SharedCallRecord,
    call_key,
    is_call_id,
)
from shared.sharing.shared_calls import SharedCalls
from shared.upstream.concurrency import SingleFlight

logger = logging.getLogger(__name__)

# How often a cancelling is tried anew because the meeting is made anew meanwhile.
_TRIES = 10


class Meetings:
    """A link and a passcode are capabilities, as a group id is: told to the audience alone."""

    def __init__(
        self,
        invitations: Invitations,
        calls: SharedCalls,
        scheduled: ScheduledMeetings,
        identities: Identities,
        graph: GraphApi | None,
        organizer: str,
        flight_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Args:
            organizer: object id of the Entra user who holds the meetings of callers whom Entra did
                not sign in, or for whom Graph does not let us act; "" for nobody.
        """
        self._invitations = invitations
        self._calls = calls
        self._scheduled = scheduled
        self._identities = identities
        self._graph = graph
        self._organizer = organizer
        self._now = now
        self._flights = SingleFlight[object, tuple[SharedCallView, int, bool]](flight_seconds)

    async def schedule(
        self, caller: Caller, external_id: str, plan: MeetingPlan, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        """Schedule a meeting in Teams and share it; or change one of the caller's. Repeatable.

        Args:
            external_id: what the caller calls it; another caller's is another meeting.

        Returns:
            The meeting, how many people are invited, and whether it was not there before.

        Raises:
            InvalidRequest, TooManyShared, Conflict: as `Invitations.prepare` and `publish`.
            NotConfigured: there is no Graph here, or nobody to hold the meeting.
            GraphRefused, MeetingRefused: Teams lets nobody hold it, or does not take it.
        """
        # A form that was sent twice at once is one request.
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

        Whoever Entra has signed in need not say more than the link: what Teams knows about a
        meeting of their own is looked up, under their own object id and nobody else's.
        """
        call_id = call_key(caller.principal, CallKind.TEAMS_MEETING, f"link {link}")
        invited = await self._invitations.prepare(caller, call_id, audience)
        found, now = await self._look_up(caller, link), self._now()
        details = JoinDetails(checked_at=now)
        if found is not None:
            details = self._details(found, requested_lobby=None)
            title = title or visible(found.subject or "")[:LONGEST_TITLE] or None
            if starts_at is ends_at is None and found.ends_at and found.ends_at > now:
                starts_at, ends_at = found.starts_at, found.ends_at
        content = self._content(caller, link, title, starts_at, ends_at)
        return await self._invitations.publish(caller, call_id, content, invited, details)

    async def cancel(self, caller: Caller, call_id: str) -> None:
        """Take a meeting back from everybody, and delete it in Teams if it was made here;
        repeatable, and fine where there is none of the caller's."""
        await self._identities.admit(caller)
        if not is_call_id(call_id):
            return
        owner = principal_key(caller.principal)
        scheduled = await self._scheduled.cancel(owner, call_id)
        for _ in range(_TRIES):
            await self._invitations.unshare(caller, call_id, CallKind.TEAMS_MEETING)
            # Made anew meanwhile? Then what we have unshared may have been that.
            now = await self._scheduled.cancel(owner, call_id)
            if now is None:
                return
            if scheduled is not None and now.creation_id == scheduled.creation_id:
                with _remedies_logged():
                    await self._scheduled.delete(now)
                return
            scheduled = now
        raise Conflict

    async def _schedule(
        self, caller: Caller, external_id: str, plan: MeetingPlan, audience: Audience
    ) -> tuple[SharedCallView, int, bool]:
        if self._graph is None:
            raise NotConfigured("GRAPH_ENDPOINT is not set.")
        call_id = call_key(caller.principal, CallKind.TEAMS_MEETING, f"external id {external_id}")
        owner = principal_key(caller.principal)
        try:
            invited = await self._invitations.prepare(caller, call_id, audience)
            return await self._publish(caller, call_id, plan, invited)
        except (Unauthenticated, BeingErased):
            # Erased meanwhile, or while an earlier request of theirs died.
            await self._scheduled.retract(owner, call_id, caller.issued_at)
            raise

    async def _publish(
        self, caller: Caller, call_id: str, plan: MeetingPlan, invited: InvitedAudience
    ) -> tuple[SharedCallView, int, bool]:
        owner, before = principal_key(caller.principal), await self._calls.find(call_id)
        scheduled, meeting = await self._scheduled.ensure(
            call_id, owner, plan, caller.issued_at, self._organizers(caller)
        )
        content = self._content(caller, meeting.link, plan.subject, plan.starts_at, plan.ends_at)
        shared, invited_people, new = await self._invitations.publish(
            caller,
            call_id,
            content,
            invited,
            self._details(meeting, requested_lobby=plan.lobby),
            confirm=lambda: self._scheduled.check_current(scheduled),
        )
        try:
            with _remedies_logged():
                details = await self._calls.follow(
                    call_id, lambda record: self._tell_teams(scheduled, record)
                )
        except MeetingRefused:  # as it was: nobody repeats what was refused
            if before is None or before.content is None:
                await self.cancel(caller, call_id)
            else:
                now = await self._calls.find(call_id)
                if now is not None and now.content == content:
                    await self._calls.undo(now, before)
            raise
        return replace(shared, details=details), invited_people, new

    async def _tell_teams(
        self, scheduled: ScheduledMeeting, record: SharedCallRecord
    ) -> JoinDetails:
        """Make a meeting in Teams what its record says; returns what Teams says then."""
        content, graph = record.content, self._graph
        assert graph and scheduled.graph_id and content  # noqa: S101, PT018
        assert content.starts_at and content.ends_at  # noqa: S101, PT018
        wished = record.details.requested_lobby if record.details else None
        plan = MeetingPlan(content.title or "", content.starts_at, content.ends_at, wished)
        try:
            meeting = await graph.update(scheduled.organizer, scheduled.graph_id, plan)
        except MeetingGone:  # somebody deleted it in Teams just now: a repetition makes it anew
            raise Conflict from None
        return self._details(meeting, requested_lobby=wished)

    def _organizers(self, caller: Caller) -> list[str]:
        """Who may hold the caller's meetings, best first."""
        own = caller.entra_object_id if caller.principal.kind is Kind.USER else None
        return list(dict.fromkeys(one for one in (own, self._organizer) if one))

    async def _look_up(self, caller: Caller, link: str) -> OnlineMeeting | None:
        own = caller.entra_object_id if caller.principal.kind is Kind.USER else None
        if self._graph is None or not own:
            return None
        try:
            return await self._graph.find_by_link(own, link)
        except (GraphRefused, MeetingRefused) as refused:
            # Not theirs, or we may not look, or Graph knows no such link: the link will do.
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

    def _details(self, meeting: OnlineMeeting, requested_lobby: str | None) -> JoinDetails:
        return JoinDetails(
            checked_at=self._now(),
            meeting_id=meeting.meeting_id,
            passcode=meeting.passcode,
            toll_number=meeting.toll_number,
            toll_free_number=meeting.toll_free_number,
            conference_id=meeting.conference_id,
            lobby=meeting.lobby,
            presenters_admit=meeting.presenters_admit,
            requested_lobby=requested_lobby,
        )


@contextlib.contextmanager
def _remedies_logged() -> Iterator[None]:
    """Say what the operator has to do, where Graph refuses what it has let us begin."""
    try:
        yield
    except GraphRefused as refused:
        logger.error("a meeting is as it was: %s", refused.remedy)
        raise
