"""The parts for ACS identities, their tokens, and friendships."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.base import Base

if TYPE_CHECKING:
    from shared.friends.friendships import Friendships
    from shared.identity.acs import IdentityApi
    from shared.identity.enrolment import Enrolment
    from shared.identity.identities import Identities
    from shared.identity.teams import Teams
    from shared.identity.tokens import Tokens


class IdentityParts(Base):
    """Identities, their tokens, and friendships, whose rows hold a copy of names and ACS ids."""

    @cached_property
    def identities(self) -> "Identities":
        from shared.identity.identities import Identities

        return Identities(self._table(tables.IDENTITIES), self._resource, self._now)

    @cached_property
    def _enrolment(self) -> "Enrolment":
        from shared.identity.enrolment import Enrolment

        table = self._table(tables.IDENTITIES)
        return Enrolment(table, self.identities, self._acs_identity, self._now)

    @cached_property
    def tokens(self) -> "Tokens":
        from shared.identity.token_policy import Policy
        from shared.identity.tokens import Tokens

        return Tokens(
            self.identities,
            self._enrolment,
            # Friendships are built only when somebody's name or ACS id has changed.
            lambda owner, identity: self.friendships.announce(owner, identity),  # noqa: PLW0108
            self._acs_identity,
            Policy.of(self.settings.identity),
            self.settings.upstream.timeout,
            self._now,
        )

    @cached_property
    def teams(self) -> "Teams":
        from shared.identity.teams import Teams

        app_id = self.settings.identity.teams_app_id
        return Teams(self._acs_identity, self.identities, app_id, self._now)

    @cached_property
    def friendships(self) -> "Friendships":
        from shared.friends.friendships import Friendships

        return Friendships(self._table(tables.FRIENDS), self._now)

    @cached_property
    def _acs_identity(self) -> "IdentityApi":
        from shared.identity.acs import IdentityApi

        return IdentityApi(self.settings.upstream, self.upstream, self._now)
