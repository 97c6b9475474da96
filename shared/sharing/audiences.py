"""Audiences: whom an owner may invite to a call, and to how many calls."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.auth.roles import CALLS_MANAGE
from shared.friends.friendships import Friendships
from shared.friends.rows import State
from shared.keys import principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import Fault, InvalidRequest, TooManyShared
from shared.sharing.rows import MOST_INVITEES, Consent, Invitation, Role, space_key
from shared.sharing.shared_calls import SharedCalls
from shared.tables import Table

# Calls that one person shares at a time, and those of them in one space.
MOST_CALLS = 100
MOST_IN_SPACE = 10
# Ended calls that one sharing removes where there are too many.
_MOST_REMOVED = 5


@dataclass(frozen=True)
class Audience:
    """With whom a call is to be shared: exactly one of the three."""

    friends: bool = False
    users: tuple[str, ...] | None = None
    space: str | None = None


@dataclass(frozen=True)
class InvitedAudience:
    """An audience that an owner may invite.

    Attributes:
        invitees: PartitionKeys of their mappings.
        space: the partition of the space, or "".
    """

    invitees: frozenset[str]
    consent: Consent
    space: str


def partitions_of(realm: str, audience: Audience | None) -> list[str]:
    """Where the rows of an audience are, as far as it names them."""
    users = audience.users or () if audience else ()
    spaces = [audience.space] if audience and audience.space is not None else []
    return [
        *(principal_key(Principal(Kind.USER, realm, user)) for user in users),
        *(space_key(realm, space) for space in spaces),
    ]


class Audiences:
    """Judges what owners wish for; writes nothing but that an ended call makes room."""

    def __init__(
        self,
        listings: Table,
        calls: SharedCalls,
        friendships: Friendships,
        now: Callable[[], datetime],
    ) -> None:
        self._listings = listings
        self._calls = calls
        self._friendships = friendships
        self._now = now

    async def admit(self, caller: Caller, call_id: str, audience: Audience) -> InvitedAudience:
        """Those whom the caller invites to a call.

        Raises:
            InvalidRequest: somebody may not be invited, and nobody learns why; or there are too
                many of them.
            TooManyShared: the caller shares too many calls.
        """
        owner = principal_key(caller.principal)
        invitees, consent = await self._invitees(caller, audience)
        space = "" if audience.space is None else space_key(caller.principal.realm, audience.space)
        await self._make_room(owner, call_id)
        await self.refuse_full_space(space, owner, call_id)
        return InvitedAudience(invitees, consent, space)

    async def refuse_full_space(self, space: str, owner: str, call_id: str) -> None:
        """Raises TooManyShared where the owner has so many live calls in the space beside this."""
        if not space:
            return
        rows = await self._listings.list_for(space, "owner eq @owner", {"owner": owner})
        now = self._now()
        others = [
            one for one in map(Invitation.of, rows) if one.call_id != call_id and one.is_live(now)
        ]
        if len(others) >= MOST_IN_SPACE:
            raise TooManyShared(
                f"You share {MOST_IN_SPACE} calls in that space: unshare one first."
            )

    async def _invitees(self, caller: Caller, audience: Audience) -> tuple[frozenset[str], Consent]:
        """The mappings' keys of whom the caller may invite.

        Raises:
            InvalidRequest: somebody is none of them; nobody learns why.
        """
        me = caller.principal
        if audience.friends:
            accepted = await self._friendships.keys_in_state(me, State.ACCEPTED, MOST_INVITEES + 1)
            if len(accepted) > MOST_INVITEES:
                message = f"are more than {MOST_INVITEES}, the most that ACS lets into a call"
                fault = Fault("body", "audience.friends", message)
                raise InvalidRequest(f"Your friends {message}.", faults=[fault])
            return frozenset(accepted), Consent.FRIENDSHIP
        manager = CALLS_MANAGE in caller.roles
        consent = Consent.ROLE if manager else Consent.FRIENDSHIP
        named = {
            user: principal_key(Principal(Kind.USER, me.realm, user))
            for user in dict.fromkeys(audience.users or ())
            if user != me.id
        }
        lacking_consent = await self._calls.lacking_consent(
            principal_key(me), consent, named.values()
        )
        message = "has no identity here" if manager else "is not an accepted friend of yours"
        faults = [
            Fault("body", f"audience.users.{(audience.users or ()).index(user)}", message)
            for user, invitee in named.items()
            if invitee in lacking_consent
        ]
        if faults:
            raise InvalidRequest(f"Somebody who is named {message}.", faults=faults)
        return frozenset(named.values()), consent

    async def _make_room(self, owner: str, call_id: str) -> None:
        """Raises TooManyShared where the owner shares so many calls; one that has ended is removed
        in favour of a new one. What is under way at the same time is not counted."""
        rows = await self._listings.list_for(owner, "role eq @role", {"role": Role.OWNER.value})
        if len(rows) < MOST_CALLS or call_id in {row.row_key for row in rows}:
            return
        now = self._now()
        ended = [one for one in map(Invitation.of, rows) if not one.is_live(now)]
        too_many = len(rows) - MOST_CALLS + 1
        for one in ended[: min(too_many, _MOST_REMOVED)]:
            await self._calls.end(one.call_id, lambda record: not record.is_live(now))
            await self._calls.finish(owner, one.call_id)
        if too_many > min(len(ended), _MOST_REMOVED):
            raise TooManyShared(f"You share {MOST_CALLS} calls: unshare one first.")
