"""Group calls that users create with the Calling SDK, and share by their group id."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.principals import Caller
from shared.sharing.audiences import Audience
from shared.sharing.invitations import Invitations, SharedCallView
from shared.sharing.rows import CallKind, Content, Host, call_key


class GroupCalls:
    """Shares group calls.

    A group id is a capability: everybody who has it can join. Only the audience gets it, it is in
    no URL and no log, and it cannot be taken back from a person who has read it.
    """

    def __init__(
        self, invitations: Invitations, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._invitations = invitations
        self._now = now

    async def share(
        self,
        caller: Caller,
        group_id: str,
        title: str | None,
        starts_at: datetime | None,
        ends_at: datetime | None,
        audience: Audience,
    ) -> tuple[SharedCallView, int, bool]:
        """Share a group call of the caller's; returns and raises as `Invitations.share`.

        Args:
            group_id: the GUID that the caller gave to the Calling SDK, in lower case.
        """
        content = Content(
            kind=CallKind.GROUP_CALL,
            locator={"groupId": group_id},
            title=title,
            starts_at=starts_at,
            ends_at=ends_at,
            shared_at=self._now(),
            host=Host(caller.principal.id, caller.display_name),
        )
        call_id = call_key(caller.principal, CallKind.GROUP_CALL, group_id)
        return await self._invitations.share(caller, call_id, content, audience)

    async def unshare(self, caller: Caller, call_id: str) -> None:
        """Stop sharing a group call: nobody can read its group id from now on. Repeatable."""
        await self._invitations.unshare(caller, call_id, CallKind.GROUP_CALL)
