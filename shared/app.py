"""Composition root: wires the packages together, once per worker process.

Each part is built when a request first needs it, and its modules are imported then: a cold start
pays for what its first request uses and for nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared import tables
from shared.settings import Settings
from shared.tables import Table, table_client
from shared.upstream.clients import Upstream

if TYPE_CHECKING:
    from shared.auth.authenticator import Authenticator
    from shared.auth.issuer_keys import IssuerKeys
    from shared.auth.webhooks import CallbackVerifier, EventGridVerifier
    from shared.bot_calls.attendant import Attendant
    from shared.bot_calls.incoming_calls import IncomingCalls
    from shared.calls.acs import CallAutomationApi
    from shared.calls.actions import CallActions
    from shared.calls.calls import Calls
    from shared.calls.dialling import Dialling
    from shared.calls.limits import CallLimit
    from shared.calls.placing import CallPlacing
    from shared.calls.records import CallRecords
    from shared.friends.friends import Friends
    from shared.friends.friendships import Friendships
    from shared.identity.acs import IdentityApi
    from shared.identity.bots import Bots
    from shared.identity.identities import Identities
    from shared.identity.teams import Teams
    from shared.identity.tokens import Tokens
    from shared.intents import Intents
    from shared.meetings.graph import GraphApi
    from shared.meetings.meetings import Meetings
    from shared.meetings.scheduled_meetings import ScheduledMeetings
    from shared.operate.health import Health
    from shared.privacy.personal_data import PersonalData, PersonalDataStore
    from shared.sharing.group_calls import GroupCalls
    from shared.sharing.invitations import Invitations
    from shared.sharing.shared_calls import SharedCalls


class App:
    """What a request can reach. Make it inside the event loop; it opens no connection yet."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.upstream = Upstream()
        self._now = now
        self._sleep = sleep
        self._resource = settings.upstream.communication_resource

    # Who is calling, and is it true

    @cached_property
    def authenticator(self) -> "Authenticator":
        from shared.auth.authenticator import Authenticator

        auth = self.settings.auth
        return Authenticator(auth.issuers_by_url, self._issuer_keys, easy_auth=auth.easy_auth)

    @cached_property
    def callback_verifier(self) -> "CallbackVerifier":
        from shared.auth.webhooks import CallbackVerifier

        calls = self.settings.calls
        keys = self._keys_at(calls.callback_keys_url, calls.callback_issuer, "CALLBACK_JWKS_URL")
        return CallbackVerifier(keys, calls.callback_issuer, self.settings.upstream.resource_id)

    @cached_property
    def event_grid_verifier(self) -> "EventGridVerifier":
        from shared.auth.webhooks import EventGridVerifier

        bots = self.settings.bot_calls
        keys = self._keys_at(bots.entra_keys_url, "Entra, for Event Grid", "EVENT_GRID_TENANT")
        return EventGridVerifier(
            bots.event_grid_keys, keys, bots.event_grid_tenant, bots.event_grid_audiences
        )

    @cached_property
    def _issuer_keys(self) -> "dict[str, IssuerKeys]":
        from shared.auth.issuer_keys import keys_of

        session = self.upstream.session
        return {one.url: keys_of(one, session) for one in self.settings.auth.issuers}

    def _keys_at(self, url: str, issuer: str, setting: str) -> "IssuerKeys":
        from shared.auth.issuer_keys import IssuerKeys

        return IssuerKeys(issuer, self.upstream.session, keys_url=url, setting=setting)

    # Identities and their tokens

    @cached_property
    def identities(self) -> "Identities":
        from shared.identity.identities import Identities

        table = self._table(tables.IDENTITIES)
        return Identities(table, self._acs_identity, self._resource, self._now)

    @cached_property
    def tokens(self) -> "Tokens":
        from shared.identity.token_policy import Policy
        from shared.identity.tokens import Tokens

        return Tokens(
            self.identities,
            # Friendships are built when somebody has news for their friends.
            lambda owner, identity: self.friendships.announce(owner, identity),  # noqa: PLW0108
            self._acs_identity,
            Policy.of(self.settings.identity),
            self.settings.upstream.timeout,
            self._now,
        )

    @cached_property
    def bots(self) -> "Bots":
        from shared.identity.bots import Bots

        return Bots(self.identities, self.tokens, self.personal_data)

    @cached_property
    def teams(self) -> "Teams":
        from shared.identity.teams import Teams

        app_id = self.settings.identity.teams_app_id
        return Teams(self._acs_identity, self.identities, app_id, self._now)

    @cached_property
    def _acs_identity(self) -> "IdentityApi":
        from shared.identity.acs import IdentityApi, identity_client

        return IdentityApi(identity_client(self.settings.upstream, self.upstream), self._now)

    # What is stored about people

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

    # The buddy list

    @cached_property
    def friends(self) -> "Friends":
        from shared.friends.friends import Friends

        return Friends(
            self.friendships,
            self.identities,
            self.tokens,
            self.invitations,
            self._resource,
            self._now,
        )

    @cached_property
    def friendships(self) -> "Friendships":
        from shared.friends.friendships import Friendships

        return Friendships(self._table(tables.FRIENDS), self._now)

    # Shared calls

    @cached_property
    def group_calls(self) -> "GroupCalls":
        from shared.sharing.group_calls import GroupCalls

        return GroupCalls(self.invitations, self._now)

    @cached_property
    def invitations(self) -> "Invitations":
        from shared.sharing.invitations import Invitations

        return Invitations(
            self._table(tables.INVITATIONS),
            self.shared_calls,
            self.friendships,
            self.identities,
            self._now,
        )

    @cached_property
    def shared_calls(self) -> "SharedCalls":
        from shared.sharing.shared_calls import SharedCalls

        return SharedCalls(
            self._table(tables.INVITATIONS),
            self._table(tables.SHARED_CALLS),
            self.friendships,
            self.identities,
            self._now,
        )

    # Teams meetings

    @cached_property
    def meetings(self) -> "Meetings":
        from shared.meetings.meetings import Meetings

        return Meetings(
            self.invitations,
            self.shared_calls,
            self.scheduled_meetings,
            self.identities,
            self.graph,
            self.settings.meetings.organizer,
            self.settings.upstream.timeout,
            self._now,
        )

    @cached_property
    def scheduled_meetings(self) -> "ScheduledMeetings":
        from shared.meetings.scheduled_meetings import ScheduledMeetings

        return ScheduledMeetings(self._table(tables.MEETINGS), self.graph, self._now)

    @cached_property
    def graph(self) -> "GraphApi | None":
        from shared.meetings.graph import graph_api

        return graph_api(self.settings.meetings, self.upstream)

    # Calls that the service places and steers

    @cached_property
    def calls(self) -> "Calls":
        from shared.calls.calls import Calls

        return Calls(
            self._call_records, self._call_automation, self.identities, self.settings.calls
        )

    @cached_property
    def call_placing(self) -> "CallPlacing":
        from shared.calls.placing import CallPlacing

        return CallPlacing(
            self.calls,
            self._call_records,
            self._call_automation,
            self.identities,
            self._dialling,
            self._call_limit,
            self.settings.calls.caller_id,
            self.tokens.enrolled,
            now=self._now,
        )

    @cached_property
    def call_actions(self) -> "CallActions":
        from shared.calls.actions import CallActions

        return CallActions(self.calls, self._call_automation, self._dialling, self._now)

    @cached_property
    def _call_records(self) -> "CallRecords":
        from shared.calls.records import CallRecords

        return CallRecords(self._table(tables.CALLS), self.settings.calls.retention_days, self._now)

    @cached_property
    def _call_limit(self) -> "CallLimit":
        from shared.calls.limits import CallLimit

        max_calls = self.settings.calls.max_live_calls
        return CallLimit(self._call_records, self._call_automation, max_calls, self._now)

    @cached_property
    def _dialling(self) -> "Dialling":
        from shared.calls.dialling import Dialling

        return Dialling(self.identities, self.settings.calls)

    @cached_property
    def _call_automation(self) -> "CallAutomationApi":
        from shared.calls.acs import CallAutomationApi, call_automation_client

        return CallAutomationApi(
            lambda: call_automation_client(self.settings.upstream, self.upstream)
        )

    # Calls that bots answer

    @cached_property
    def incoming_calls(self) -> "IncomingCalls":
        from shared.bot_calls.incoming_calls import IncomingCalls

        return IncomingCalls(
            self.calls,
            self._call_records,
            self._call_automation,
            self.identities,
            self._call_limit,
            self.settings.bot_calls,
            self.settings.upstream.resource_id,
            self._now,
        )

    @cached_property
    def attendant(self) -> "Attendant":
        from shared.bot_calls.attendant import Attendant

        return Attendant(
            self._call_records,
            self._call_automation,
            self.identities,
            self.settings.bot_calls,
            self._now,
        )

    # What requests have begun and not ended

    @cached_property
    def intents(self) -> "Intents":
        from shared.intents import Intents

        return Intents(self._table(tables.INTENTS), self._now)

    # What operators ask

    @cached_property
    def health(self) -> "Health":
        from shared.operate.health import readiness

        stored, issuers = map(self._table, tables.ALL), self._issuer_keys.values()
        return readiness([*stored], self._acs_identity, issuers, self.settings.upstream.timeout)

    def _table(self, name: str) -> Table:
        return Table(table_client(self.settings.upstream, self.upstream, name))
