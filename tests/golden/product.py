"""The product with a clock that tests set: wired as `shared.app` does it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from azure.communication.callautomation.aio import CallAutomationClient
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential

from shared import tables
from shared.acs_identity import IdentityApi
from shared.app import App, build, table_client
from shared.attendant import Attendant
from shared.bots import Bots
from shared.call_automation import CallAutomation
from shared.call_limits import CallLimit
from shared.call_records import CallRecords
from shared.call_steering import Steering
from shared.calls import Calls
from shared.dialling import Dialling
from shared.erasure import IdentityErasure
from shared.friends import Friends
from shared.friendships import Friendships
from shared.group_calls import GroupCalls
from shared.identities import Identities
from shared.incoming_calls import IncomingCalls
from shared.invitations import Invitations
from shared.made_meetings import MadeMeetings
from shared.meetings import Meetings
from shared.people import People
from shared.principals import Caller, Kind, Principal
from shared.settings import load
from shared.shared_calls import SharedCalls
from shared.token_policy import Policy
from shared.tokens import Tokens

# When every scene begins, and when the tests read what came of it.
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
READ = START + timedelta(hours=4)

# Where the people of the golden rows sign in: keys of rows are made of it.
REALM = "https://login.golden.example"
ENTRA_REALM = "entra:acde0000-0000-4000-8000-000000007072"

type Environment = Mapping[str, str]
type Clock = Callable[[], datetime]


def golden_environment(stack: Environment) -> dict[str, str]:
    """App settings for the stack that these are of; what is stored depends on no port."""
    return {**stack, "AUTH_ISSUER": REALM, "CALLBACK_BASE_URL": "https://app.golden.example"}


def golden_app(environment: Environment, now: Clock) -> App:
    """An app, as one host has it; call it inside the event loop, and close its `upstream`."""
    settings = load(environment)
    app = build(settings)
    upstream, resource = app.upstream, settings.communication_resource
    key, options = AzureKeyCredential(settings.communication_key or ""), upstream.client_options()
    acs = IdentityApi(
        CommunicationIdentityClient(settings.communication_endpoint, key, **options), now
    )
    stored = {name: tables.Table(table_client(settings, upstream, name)) for name in tables.ALL}
    identities = Identities(stored[tables.IDENTITIES], acs, resource, now)
    friendships = Friendships(stored[tables.FRIENDS], now)
    listings = stored[tables.INVITATIONS]
    shared_calls = SharedCalls(listings, stored[tables.SHARED_CALLS], friendships, identities, now)
    invitations = Invitations(listings, shared_calls, friendships, identities, now)
    policy = Policy(
        settings.token_scopes,
        settings.token_scopes_by_role,
        settings.token_minutes,
        settings.token_max_minutes,
    )
    tokens = Tokens(identities, friendships, acs, policy, settings.upstream_timeout, now)
    automation = CallAutomation(
        lambda: CallAutomationClient(settings.communication_endpoint, key, **options)
    )
    dialling = Dialling(identities, settings.calls)
    records = CallRecords(stored[tables.CALLS], settings.calls.retention_days, now)
    limit = CallLimit(records, automation, settings.calls.most_live, now)
    calls = Calls(
        records, automation, identities, dialling, limit, settings.calls, tokens.enrolled, now
    )
    made = MadeMeetings(stored[tables.MEETINGS], app.graph, now)
    people = People(
        identities,
        IdentityErasure(stored[tables.IDENTITIES], identities, resource, now),
        acs,
        {"friends": friendships, "invitations": invitations, "meetings": made, "calls": calls},
        lambda: now().timestamp(),
        lambda _seconds: asyncio.sleep(0),
    )
    return replace(
        app,
        identities=identities,
        tokens=tokens,
        people=people,
        bots=Bots(identities, tokens, people),
        friends=Friends(friendships, identities, tokens, invitations, resource, now),
        invitations=invitations,
        group_calls=GroupCalls(invitations, now),
        meetings=Meetings(
            invitations,
            shared_calls,
            made,
            identities,
            app.graph,
            settings.meeting_organizer,
            settings.upstream_timeout,
            now,
        ),
        calls=calls,
        steering=Steering(calls, automation, dialling, now),
        incoming_calls=IncomingCalls(calls, records, automation, identities, limit, settings, now),
        attendant=Attendant(records, automation, identities, settings.attendant, now),
    )


def user(id_: str, realm: str = REALM) -> Principal:
    """Somebody of the golden rows."""
    return Principal(Kind.USER, realm, id_)


def bot(id_: str) -> Principal:
    """A bot of the golden rows."""
    return Principal(Kind.BOT, REALM, id_)


def signed_in(
    who: Principal | str,
    name: str | None = None,
    *roles: str,
    at: datetime = READ,
    object_id: str | None = None,
) -> Caller:
    """Somebody who has proven who they are."""
    principal = user(who) if isinstance(who, str) else who
    return Caller(principal, name, frozenset(roles), at, object_id)
