"""Group calls that users create with the Calling SDK, and share by their group id."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.principals import Caller
from shared.sharing.audiences import Audience
from shared.sharing.invitations import Invitations, SharedCallView
from shared.sharing.rows import CallKind, Content, Host, call_key


class GroupCalls:
    """A group id is a capability: who has it joins. It is told to the audience, and is in no URL
    and no log; and nobody can take it back from who has read it."""

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
            group_id: a GUID in lower case, as the caller's SDK has made it.
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
        """Take one back from everybody, as far as they have not read it; repeatable."""
        await self._invitations.unshare(caller, call_id, CallKind.GROUP_CALL)
