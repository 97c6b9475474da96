"""Audiences: the people whom an owner may invite to a call."""

from dataclasses import dataclass

from shared.auth.roles import CALLS_MANAGE
from shared.bounds import IN_SPACE, SHARED
from shared.friends.friendships import Friendships
from shared.friends.rows import State
from shared.keys import principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import Fault, InvalidRequest
from shared.sharing.consent import ConsentChecks
from shared.sharing.rows import MOST_INVITEES, Consent, space_key

# How many calls one person may share at a time, and how many of them in one space.
MOST_CALLS = SHARED.number
MOST_IN_SPACE = IN_SPACE.number


@dataclass(frozen=True)
class Audience:
    """The people to share a call with, as the owner names them: exactly one field is set.

    Attributes:
        friends: all accepted friends of the owner.
        users: ids of users in the owner's realm.
        space: the name of a social space: everybody in the owner's realm may join.
    """

    friends: bool = False
    users: tuple[str, ...] | None = None
    space: str | None = None


@dataclass(frozen=True)
class InvitedAudience:
    """An audience after the check that the owner may invite it.

    Attributes:
        invitees: PartitionKeys of the invitees' mappings.
        consent: what lets the owner invite them.
        space: the partition of the space, or "".
    """

    invitees: frozenset[str]
    consent: Consent
    space: str


def partitions_of(realm: str, audience: Audience | None) -> list[str]:
    """The partitions of the users or the space that an audience names; none for `friends`."""
    users = audience.users or () if audience else ()
    spaces = [audience.space] if audience and audience.space is not None else []
    return [
        *(principal_key(Principal(Kind.USER, realm, user)) for user in users),
        *(space_key(realm, space) for space in spaces),
    ]


class Audiences:
    """Checks whom an owner may invite."""

    def __init__(self, friendships: Friendships, consents: ConsentChecks) -> None:
        self._friendships = friendships
        self._consents = consents

    async def resolve(self, caller: Caller, audience: Audience) -> InvitedAudience:
        """Find the people that an audience stands for, and check that the caller may invite them.

        Raises:
            InvalidRequest: the caller may not invite somebody (the answer does not say why), or
                the audience is too large.
        """
        invitees, consent = await self._invitees(caller, audience)
        space = "" if audience.space is None else space_key(caller.principal.realm, audience.space)
        return InvitedAudience(invitees, consent, space)

    async def _invitees(self, caller: Caller, audience: Audience) -> tuple[frozenset[str], Consent]:
        """The PartitionKeys of the invitees' mappings, and what lets the caller invite them.

        Raises:
            InvalidRequest: the caller may not invite somebody (the answer does not say why), or
                there are too many.
        """
        owner = caller.principal
        if audience.friends:
            accepted = await self._friendships.keys_in_state(
                owner, State.ACCEPTED, MOST_INVITEES + 1
            )
            if len(accepted) > MOST_INVITEES:
                message = f"are more than {MOST_INVITEES}, the most that ACS lets into a call"
                fault = Fault("body", "audience.friends", message)
                raise InvalidRequest(f"Your friends {message}.", faults=[fault])
            return frozenset(accepted), Consent.FRIENDSHIP
        is_manager = CALLS_MANAGE in caller.roles
        consent = Consent.ROLE if is_manager else Consent.FRIENDSHIP
        invitees = {
            user: principal_key(Principal(Kind.USER, owner.realm, user))
            for user in dict.fromkeys(audience.users or ())
            if user != owner.id
        }
        lacking_consent = await self._consents.find_lacking(
            principal_key(owner), consent, set(invitees.values())
        )
        message = "has no identity here" if is_manager else "is not an accepted friend of yours"
        faults = [
            Fault("body", f"audience.users.{(audience.users or ()).index(user)}", message)
            for user, invitee in invitees.items()
            if invitee in lacking_consent
        ]
        if faults:
            # The same whether there is such a person or not.
            hint = (
                " A person gets an identity with their first GET /token."
                if is_manager
                else f" To name others of the realm takes the app role {CALLS_MANAGE}."
            )
            raise InvalidRequest(f"Somebody whom you name {message}.{hint}", faults=faults)
        return frozenset(invitees.values()), consent
