"""Composition root: builds the clients once per worker process and wires the modules together."""

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential
from azure.data.tables.aio import TableClient

from shared import tables
from shared.auth.bearer import Authenticator
from shared.auth.issuer_keys import IssuerKeys
from shared.auth.webhooks import Callbacks, EventGrid
from shared.bot_calls.attendant import Attendant
from shared.bot_calls.incoming_calls import IncomingCalls
from shared.calls.acs import CallAutomation
from shared.calls.actions import Steering
from shared.calls.calls import Calls
from shared.calls.dialling import Dialling
from shared.calls.limits import CallLimit
from shared.calls.records import CallRecords
from shared.friends.friends import Friends
from shared.friends.friendships import Friendships
from shared.identity.acs import IdentityApi
from shared.identity.bots import Bots
from shared.identity.erasure import IdentityErasure
from shared.identity.identities import Identities
from shared.identity.teams import Teams
from shared.identity.token_policy import Policy
from shared.identity.tokens import Tokens
from shared.meetings.graph import GraphApi
from shared.meetings.meetings import Meetings
from shared.meetings.scheduled_meetings import MadeMeetings
from shared.operate.health import Health
from shared.privacy.personal_data import Holder, People
from shared.settings import Settings, load
from shared.sharing.group_calls import GroupCalls
from shared.sharing.invitations import Invitations
from shared.sharing.shared_calls import SharedCalls
from shared.upstream.clients import Upstream, each

if TYPE_CHECKING:
    from azure.communication.callautomation.aio import CallAutomationClient

# Seconds; a readiness probe's own patience is seldom longer.
_HEALTH_SECONDS = 3.0


@dataclass(frozen=True)
class App:
    """What a request can reach."""

    settings: Settings
    upstream: Upstream
    authenticator: Authenticator
    identities: Identities
    tokens: Tokens
    people: People
    bots: Bots
    teams: Teams
    friends: Friends
    invitations: Invitations
    group_calls: GroupCalls
    meetings: Meetings
    graph: GraphApi | None
    calls: Calls
    steering: Steering
    incoming_calls: IncomingCalls
    attendant: Attendant
    callbacks: Callbacks
    event_grid: EventGrid
    health: Health


_app: App | None = None


def current() -> App:
    """The app of this process, built at the first request (so inside the event loop).

    Raises:
        SettingsError: naming every wrong setting. Azure restarts the app when one is mended.
    """
    global _app  # noqa: PLW0603
    if _app is None:
        _app = build(load(os.environ))
    return _app


def build(settings: Settings) -> App:
    """Wire an app; opens no connection yet. Call it inside the event loop."""
    # At INFO the SDKs log every request's URL, which holds ids of people.
    logging.getLogger("azure").setLevel(logging.WARNING)
    upstream = Upstream()
    acs = IdentityApi(_identity_client(settings, upstream))
    stored = {name: tables.Table(table_client(settings, upstream, name)) for name in tables.ALL}
    identity_table = stored[tables.IDENTITIES]
    resource = settings.communication_resource
    identities = Identities(identity_table, acs, resource)
    keys = {issuer.url: IssuerKeys(issuer.url, upstream.session) for issuer in settings.issuers}
    policy = Policy(
        settings.token_scopes,
        settings.token_scopes_by_role,
        settings.token_minutes,
        settings.token_max_minutes,
    )
    friendships = Friendships(stored[tables.FRIENDS])
    listings = stored[tables.INVITATIONS]
    calls = SharedCalls(listings, stored[tables.SHARED_CALLS], friendships, identities)
    invitations = Invitations(listings, calls, friendships, identities)
    graph = (
        GraphApi(settings.graph_endpoint, upstream, settings.meeting_organizer)
        if settings.graph_endpoint
        else None
    )
    automation = CallAutomation(lambda: _call_automation_client(settings, upstream))
    dialling = Dialling(identities, settings.calls)
    records = CallRecords(stored[tables.CALLS], settings.calls.retention_days)
    tokens = Tokens(identities, friendships, acs, policy, settings.upstream_timeout)
    limit = CallLimit(records, automation, settings.calls.most_live)
    phone_calls = Calls(
        records, automation, identities, dialling, limit, settings.calls, tokens.enrolled
    )
    made_meetings = MadeMeetings(stored[tables.MEETINGS], graph)
    # Whatever module stores something about people joins here.
    erasure = IdentityErasure(identity_table, identities, resource)
    holders: dict[str, Holder] = {
        "friends": friendships,
        "invitations": invitations,
        "meetings": made_meetings,
        "calls": phone_calls,
    }
    people = People(identities, erasure, acs, holders)

    async def check_storage() -> None:
        await each(stored.values(), lambda table: table.check())

    checks = {
        "storage": check_storage,
        "communication": acs.check,
        **{f"issuer {n}": keys[issuer.url].check for n, issuer in enumerate(settings.issuers, 1)},
    }
    return App(
        settings=settings,
        upstream=upstream,
        authenticator=Authenticator(
            {issuer.url: issuer for issuer in settings.issuers}, keys, easy_auth=settings.easy_auth
        ),
        identities=identities,
        tokens=tokens,
        people=people,
        bots=Bots(identities, tokens, people),
        teams=Teams(acs, identities, settings.teams_app_id),
        friends=Friends(friendships, identities, tokens, invitations, resource),
        invitations=invitations,
        group_calls=GroupCalls(invitations),
        meetings=Meetings(
            invitations,
            calls,
            made_meetings,
            identities,
            graph,
            settings.meeting_organizer,
            settings.upstream_timeout,
        ),
        graph=graph,
        calls=phone_calls,
        steering=Steering(phone_calls, automation, dialling),
        incoming_calls=IncomingCalls(phone_calls, records, automation, identities, limit, settings),
        attendant=Attendant(records, automation, identities, settings.attendant),
        callbacks=_callbacks(settings, upstream),
        event_grid=_event_grid(settings, upstream),
        health=Health(checks, min(_HEALTH_SECONDS, settings.upstream_timeout)),
    )


def table_client(settings: Settings, upstream: Upstream, name: str) -> TableClient:
    """A client for one table, by key or by managed identity."""
    options = upstream.client_options()
    if settings.tables_connection_string:
        return TableClient.from_connection_string(
            settings.tables_connection_string, table_name=name, **options
        )
    return TableClient(
        settings.tables_endpoint,
        table_name=name,
        credential=upstream.managed_identity,
        **options,
    )


def _callbacks(settings: Settings, upstream: Upstream) -> Callbacks:
    issuer, keys_url = settings.calls.callback_issuer, settings.calls.callback_keys_url
    keys = IssuerKeys(issuer, upstream.session, keys_url=keys_url)
    return Callbacks(keys, issuer, settings.resource_id)


def _event_grid(settings: Settings, upstream: Upstream) -> EventGrid:
    told = settings.attendant
    keys = IssuerKeys("Entra, for Event Grid", upstream.session, keys_url=told.entra_keys_url)
    return EventGrid(told.keys, keys, told.tenant, told.audiences)


def _call_automation_client(settings: Settings, upstream: Upstream) -> "CallAutomationClient":
    from azure.communication.callautomation.aio import CallAutomationClient

    credential = (
        AzureKeyCredential(settings.communication_key)
        if settings.communication_key
        else upstream.managed_identity
    )
    return CallAutomationClient(
        settings.communication_endpoint, credential, **upstream.client_options()
    )


def _identity_client(settings: Settings, upstream: Upstream) -> CommunicationIdentityClient:
    credential = (
        AzureKeyCredential(settings.communication_key)
        if settings.communication_key
        else upstream.managed_identity
    )
    return CommunicationIdentityClient(
        settings.communication_endpoint, credential, **upstream.client_options()
    )
