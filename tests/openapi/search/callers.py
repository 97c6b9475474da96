"""The senders of the requests of the search: callers of every role and none, and the other
services."""

import itertools
import time
import zlib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from schemathesis import Case
from schemathesis.core import NotSet
from schemathesis.generation.meta import TestPhase

from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.well_known import ACS_CALLBACK_ISSUER, ACS_RESOURCE_ID
from shared.auth.roles import (
    AGENTS_MANAGE,
    BOTS_OPERATE,
    CALLS_MANAGE,
    CALLS_RECORD,
    MEETINGS_SCHEDULE,
    TOKENS_ISSUE,
)
from shared.auth.webhooks import KEY_HEADER
from tests.openapi.search.setup import MANAGER, Setup
from tests.support.stack import Issuer

ROLES = (AGENTS_MANAGE, BOTS_OPERATE, CALLS_MANAGE, CALLS_RECORD, MEETINGS_SCHEDULE, TOKENS_ISSUE)
LIFETIME = timedelta(hours=12)
# As of the manager.
PERSON, APP = "search: person", "search: app"

SETUP = Setup.read()
ISSUER = Issuer(SETUP.issuer, Path(SETUP.key_file), SETUP.audience)
ACS_KEY = SigningKey(Path(SETUP.acs_key_file))

_leavers = itertools.count(1)


@cache
def _bearers() -> list[str | None]:
    """The tokens of the callers who share the requests; some send more than others."""

    def app(*roles: str) -> str:
        return ISSUER.token(APP, roles=roles, lifetime=LIFETIME, idtyp="app")

    manager = ISSUER.token(MANAGER, roles=ROLES, lifetime=LIFETIME)
    person = ISSUER.token(PERSON, lifetime=LIFETIME)
    one_role = [ISSUER.token(PERSON, roles=[role], lifetime=LIFETIME) for role in ROLES]
    apps = [app(*ROLES), app(), *(app(role) for role in ROLES)]
    return [*[manager] * 14, *[person] * 4, *one_role, *apps, None]


def headers_of(case: Case[Any]) -> dict[str, str]:
    """The proof of this request's sender: the same for the same request."""
    if case.path == "/incomingCalls":
        return {KEY_HEADER: SETUP.event_key}
    if case.path.startswith("/callEvents/"):
        now = int(time.time())
        claims = {"iss": ACS_CALLBACK_ISSUER, "aud": ACS_RESOURCE_ID, "nbf": now, "exp": now + 300}
        return {"Authorization": f"Bearer {ACS_KEY.sign(claims)}"}
    bearer = _bearer_of(case)
    return {} if bearer is None else {"Authorization": f"Bearer {bearer}"}


def _bearer_of(case: Case[Any]) -> str | None:
    if (case.method.upper(), case.path) == ("DELETE", "/user"):
        # A person who was erased is refused from then on.
        return ISSUER.token(f"search: leaver {next(_leavers)}")
    bearers = _bearers()
    if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL:
        return bearers[0]  # the next request finds what this one makes
    if not case.path_parameters and not case.query and isinstance(case.body, NotSet):
        return bearers[0]  # no two of these differ
    parts = (case.operation.label, case.path_parameters, case.query, repr(case.body))
    return bearers[zlib.crc32(repr(parts).encode("utf-8", "replace")) % len(bearers)]
