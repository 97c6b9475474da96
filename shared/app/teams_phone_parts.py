"""The parts for what makes Teams Phone work besides calls: agents and voice apps."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.app.identity_parts import IdentityParts

if TYPE_CHECKING:
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

    def _agents_on(self, table: "Table") -> "Agents":
        from shared.teams_phone.agents import Agents

        identity = self.settings.identity
        return Agents(
            table,
            self._assigned_on(table),
            self.identities,
            identity.resource_accounts,
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
            {issuer.realm for issuer in self.settings.auth.issuers},
            self.settings.identity.teams_app_id,
        )
