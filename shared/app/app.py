"""The app: all groups of parts, and the parts that need several groups."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.call_parts import CallParts
from shared.app.sharing_parts import SharingParts
from shared.app.sign_in_parts import SignInParts

if TYPE_CHECKING:
    from shared.identity.bots import Bots
    from shared.intents import EndsIntents, Finisher
    from shared.operate.health import Health
    from shared.operate.tidy import Tidy
    from shared.privacy.personal_data import PersonalData, PersonalDataStore


class App(SignInParts, SharingParts, CallParts):
    """What a request can reach. Make it inside the event loop; it opens no connection yet."""

    @cached_property
    def personal_data(self) -> "PersonalData":
        from shared.identity.erasure import IdentityErasure
        from shared.privacy.personal_data import PersonalData

        table = self._table(tables.IDENTITIES)
        return PersonalData(
            self.identities,
            IdentityErasure(table, self.identities, self._resource, self._now),
            self._acs_identity,
            self._personal_data_stores,
            lambda: self._now().timestamp(),
            self._sleep,
        )

    def _personal_data_stores(self) -> "Mapping[str, PersonalDataStore]":
        """Whatever stores something about people joins here."""
        return {
            "friends": self.friendships,
            "invitations": self.invitations,
            "meetings": self.scheduled_meetings,
            "calls": self.calls,
        }

    @cached_property
    def bots(self) -> "Bots":
        from shared.identity.bots import Bots

        return Bots(self.identities, self.tokens, self.personal_data)

    @cached_property
    def tidy(self) -> "Tidy":
        from shared.operate.tidy import Tidy

        return Tidy(self.intents, self._finishers)

    def _finishers(self) -> "Mapping[str, Finisher]":
        """What ends the intents of each kind; whatever writes intents joins here."""
        parts: tuple[EndsIntents, ...] = ()
        return {kind: end for part in parts for kind, end in part.finishers.items()}

    @cached_property
    def health(self) -> "Health":
        from shared.operate.health import readiness

        stored, issuers = map(self._table, tables.ALL), self._issuer_keys.values()
        return readiness([*stored], self._acs_identity, issuers, self.settings.upstream.timeout)
