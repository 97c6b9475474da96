"""The product with a clock that tests set: wired as `shared.app` does it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from shared.app import App
from shared.principals import Caller, Kind, Principal
from shared.settings import load

# The time when every scene begins, and the time when the tests read its rows.
START = datetime(2026, 11, 28, 12, tzinfo=UTC)
READ = START + timedelta(hours=4)

# The issuer at which the people of the golden rows sign in: keys of rows depend on it.
REALM = "https://login.golden.example"
ENTRA_REALM = "entra:acde0000-0000-4000-8000-000000007072"

type Environment = Mapping[str, str]
type Clock = Callable[[], datetime]


def golden_environment(stack: Environment) -> dict[str, str]:
    """App settings for this stack; the stored rows depend on no port."""
    return {**stack, "AUTH_ISSUER": REALM, "CALLBACK_BASE_URL": "https://app.golden.example"}


def golden_app(environment: Environment, now: Clock) -> App:
    """An app, as one host has it; call it inside the event loop, and close its `upstream`."""
    # It does not wait for the next second, because the test sets its clock.
    return App(load(environment), now, lambda _seconds: asyncio.sleep(0))


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
