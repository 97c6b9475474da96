"""Bodies, queries and answers of agents and voice apps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from pydantic import Field

from shared.bodies import Answer, Body, Pattern, Query, Timestamp, is_absent, page_pattern
from shared.settings_reader import GUID
from shared.teams_phone.settings import Cloud, Kind, VoiceApp

if TYPE_CHECKING:  # so that loading the functions does not load the rules
    from shared.teams_phone.rows import Agent

_TENANT = Pattern(GUID, "is not the id of a tenant of Entra, which is a GUID")
_PAGE = page_pattern("[0-9a-f]{64}-[0-9a-f-]{36}")


class AgentBody(Body):
    """`tenant` is needed if the resource accounts of the realm have several."""

    tenant: Annotated[str, _TENANT] | None = None


class AgentsQuery(Query):
    """`page` comes from a `nextLink`."""

    page: Annotated[str, _PAGE] | None = None


class AgentAnswer(Answer):
    """A Teams user, by their ids in Entra."""

    object_id: str
    tenant: str
    added_at: Timestamp

    @classmethod
    def of(cls, agent: "Agent") -> "AgentAnswer":
        return cls(object_id=agent.id.object_id, tenant=agent.id.tenant, added_at=agent.added_at)


class AgentsAnswer(Answer):
    """A page of agents; `nextLink` is there while there may be more."""

    agents: list[AgentAnswer]
    next_link: str | None = Field(exclude_if=is_absent)

    @classmethod
    def of(cls, agents: "Sequence[Agent]", after: str | None) -> "AgentsAnswer":
        link = f"/api/agents?{urlencode({'page': after})}" if after else None
        return cls(agents=[AgentAnswer.of(agent) for agent in agents], next_link=link)


class VoiceAppAnswer(Answer):
    """`teamsAppId` and `cloud` are a `MicrosoftTeamsAppIdentifier` of the Calling SDK."""

    name: str
    kind: Kind
    teams_app_id: str
    cloud: Cloud


class VoiceAppsAnswer(Answer):
    voice_apps: list[VoiceAppAnswer]

    @classmethod
    def of(cls, apps: Sequence[VoiceApp]) -> "VoiceAppsAnswer":
        return cls(
            voice_apps=[
                VoiceAppAnswer(name=app.name, kind=app.kind, teams_app_id=app.id, cloud=app.cloud)
                for app in apps
            ]
        )
