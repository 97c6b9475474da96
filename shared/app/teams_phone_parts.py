"""The parts for agents and voice apps of Teams Phone."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.identity_parts import IdentityParts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shared.identity.resource_accounts import ResourceAccount
    from shared.tables import Table
    from shared.teams_phone.agents import Agents
    from shared.teams_phone.assigned import AssignedAgents
    from shared.teams_phone.voice_apps import VoiceApps


class TeamsPhoneParts(IdentityParts):
    """Agents, whom ACS has to know, and voice apps, which are settings."""

    @cached_property
    def agents(self) -> "Agents":
        return self._agents_on(self._table(tables.AGENTS))

    @cached_property
    def assigned_agents(self) -> "AssignedAgents":
        return self._assigned_on(self._table(tables.AGENTS))

    @cached_property
    def voice_apps(self) -> "VoiceApps":
        from shared.teams_phone.voice_apps import VoiceApps

        return VoiceApps(self.identities, self.settings.teams_phone.voice_apps)

    @property
    def _realms(self) -> "Collection[str]":
        """All realms whose people sign in here."""
        return {issuer.realm for issuer in self.settings.auth.issuers}

    @cached_property
    def _accounts(self) -> "Mapping[str, Sequence[ResourceAccount]]":
        """The Teams resource accounts of each realm."""
        from shared.identity.resource_accounts import accounts_by_realm

        return accounts_by_realm(self.settings.identity.resource_accounts, self._realms)

    def _agents_on(self, table: "Table") -> "Agents":
        from shared.teams_phone.agents import Agents

        identity = self.settings.identity
        return Agents(
            table,
            self._assigned_on(table),
            self.identities,
            self._accounts,
            identity.teams_app_id,
            self.settings.upstream.resource_id,
            self._now,
        )

    def _assigned_on(self, table: "Table") -> "AssignedAgents":
        from shared.teams_phone.acs import Assignments
        from shared.teams_phone.assigned import AssignedAgents

        return AssignedAgents(
            table,
            Assignments(self.settings.upstream, self.upstream),
            self.intents,
            self._realms,
            self.settings.identity.teams_app_id,
        )
