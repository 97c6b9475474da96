"""Teams meetings that ACS users join: the service schedules them through Graph, or people made them
in Outlook, Teams or Bookings and share the link."""

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
from shared.principals import Caller, Kind
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
from shared.texts import visible
from shared.upstream.concurrency import SingleFlight

logger = logging.getLogger(__name__)

# How often a meeting is cancelled again when other requests schedule it again at the same time.
_TRIES = 10


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
        graph: GraphApi | None,
        organizer: str,
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
        self._graph = graph
        self._organizer = organizer
        self._now = now
        self._flights = SingleFlight[object, tuple[SharedCallView, int, bool]](flight_seconds)

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
        invited = await self._invitations.prepare(caller, call_id, audience)
        meeting, now = await self._find_own_meeting(caller, link), self._now()
        details = JoinDetails(checked_at=now)
        if meeting is not None:
            details = self._join_details(meeting, requested_lobby=None)
            title = title or visible(meeting.subject or "", LONGEST_TITLE) or None
            if starts_at is ends_at is None and meeting.ends_at and meeting.ends_at > now:
                starts_at, ends_at = meeting.starts_at, meeting.ends_at
        content = self._content(caller, link, title, starts_at, ends_at)
        return await self._invitations.publish(caller, call_id, content, invited, details)

    async def cancel(self, caller: Caller, call_id: str) -> None:
        """Stop sharing a meeting, and delete it in Teams if this service scheduled it.

        Repeatable; does nothing if the caller shares no such meeting.
        """
        if not is_call_id(call_id):
            return
        await self._identities.admit(caller)
        owner = principal_key(caller.principal)
        scheduled = await self._scheduled.cancel(owner, call_id)
        for _ in range(_TRIES):
            await self._invitations.unshare(caller, call_id, CallKind.TEAMS_MEETING)
            # If the meeting was scheduled again meanwhile, we may have unshared the new one: then
            # that one has to be deleted.
            current = await self._scheduled.cancel(owner, call_id)
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
        call_id = call_key(caller.principal, CallKind.TEAMS_MEETING, f"external id {external_id}")
        owner = principal_key(caller.principal)
        try:
            invited = await self._invitations.prepare(caller, call_id, audience)
            return await self._publish(caller, call_id, plan, invited)
        except (Unauthenticated, BeingErased):
            # The caller was erased meanwhile, or while an earlier request of theirs was killed.
            await self._scheduled.delete_leftover(owner, call_id, caller.issued_at)
            raise

    async def _publish(
        self, caller: Caller, call_id: str, plan: MeetingPlan, invited: InvitedAudience
    ) -> tuple[SharedCallView, int, bool]:
        owner, previous = principal_key(caller.principal), await self._calls.find(call_id)
        scheduled, meeting = await self._scheduled.ensure(
            call_id, owner, plan, caller.issued_at, self._organizers(caller)
        )
        content = self._content(caller, meeting.link, plan.subject, plan.starts_at, plan.ends_at)
        shared, invited_count, is_new = await self._invitations.publish(
            caller,
            call_id,
            content,
            invited,
            self._join_details(meeting, requested_lobby=plan.lobby),
            confirm=lambda: self._scheduled.check_current(scheduled),
        )
        try:
            with _log_remedy():
                details = await self._calls.update_meeting(
                    call_id, lambda record: self._update_in_teams(scheduled, record)
                )
        except MeetingRefused:
            # A client does not repeat a refused request, so restore what was shared before.
            if previous is None or previous.content is None:
                await self.cancel(caller, call_id)
            else:
                current = await self._calls.find(call_id)
                if current is not None and current.content == content:
                    await self._calls.undo(current, previous)
            raise
        return replace(shared, details=details), invited_count, is_new

    async def _update_in_teams(
        self, scheduled: ScheduledMeeting, record: SharedCallRecord
    ) -> JoinDetails:
        """Change a meeting in Teams to what its record says; returns how to join it.

        Raises:
            Conflict: somebody has deleted it in Teams; a repetition schedules it again.
        """
        content, graph = record.content, self._graph
        assert graph and scheduled.graph_id and content  # noqa: S101, PT018
        assert content.starts_at and content.ends_at  # noqa: S101, PT018
        lobby = record.details.requested_lobby if record.details else None
        plan = MeetingPlan(content.title or "", content.starts_at, content.ends_at, lobby)
        try:
            meeting = await graph.update(scheduled.organizer, scheduled.graph_id, plan)
        except MeetingGone:
            raise Conflict from None
        return self._join_details(meeting, requested_lobby=lobby)

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

    def _join_details(self, meeting: OnlineMeeting, requested_lobby: str | None) -> JoinDetails:
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
