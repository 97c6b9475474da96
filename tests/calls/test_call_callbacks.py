"""Callbacks about calls: a callback that is not from ACS, or is about another call, changes
nothing."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jwt
import pytest

from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.well_known import ACS_CALLBACK_ISSUER, ACS_RESOURCE_ID
from tests.calls.stored_calls import remove_rows
from tests.calls.test_calls import MANAGER, in_acs, is_connected, place, watched
from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.rsa_keys import rsa_key
from tests.support.stack import Host, Stack

STRANGER = rsa_key("another")


class Acs:
    """Signs callbacks as the stack's ACS does, or nearly so."""

    def __init__(self, stack: Stack, client: aiohttp.ClientSession, host: Host) -> None:
        self._client, self._host = client, host
        self._key = SigningKey(stack.folder / "acs-callback-key.pem")

    def token(self, **changed: object) -> str:
        now = int(time.time())
        claims = {"iss": ACS_CALLBACK_ISSUER, "aud": ACS_RESOURCE_ID, "nbf": now, "exp": now + 300}
        return self._key.sign({**claims, **changed})

    def forged(self, kid: str = "") -> str:
        """Signed by somebody else, perhaps as an unknown key."""
        claims = jwt.decode(self.token(), options={"verify_signature": False})
        return jwt.encode(claims, STRANGER, "RS256", headers={"kid": kid or self._key.kid})

    async def tell(self, call: str, body: object, token: str | None = None) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        token = self.token() if token is None else token
        headers = {"Content-Type": "application/json"}
        path = f"/callEvents/{call}"
        return await ask(
            self._client, self._host, path, token, method="POST", headers=headers, data=data
        )


def event(connection: str, kind: str = "CallDisconnected", **changed: object) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "source": f"calling/callConnections/{connection}",
        "type": f"Microsoft.Communication.{kind}",
        "time": datetime.now(UTC).isoformat(),
        "specversion": "1.0",
        "data": {"callConnectionId": connection, "serverCallId": "s", "correlationId": "c"},
        **changed,
    }


@pytest.fixture
def acs_itself(stack: Stack, client: aiohttp.ClientSession, one_host: Host) -> Acs:
    return Acs(stack, client, one_host)


@pytest.fixture
async def call(manager: Person, people: People, one_host: Host) -> str:
    """A connected call."""
    [bob] = people(one_host, "bob")
    await bob.token()
    call = str((await place(manager, {"user": bob.id})).json["id"])
    await watched(manager, call, lambda now: is_connected(now) and len(now["participants"]) == 1)
    return call


async def state_of(manager: Person, call: str) -> dict[str, Any]:
    """The call without its events, of which a late one may still come."""
    seen = (await manager.ask(f"/calls/{call}")).json
    return {name: seen[name] for name in ("state", "actions", "participants")}


async def connection_of(acs: Control, call: str) -> str:
    """What the emulator calls it."""
    return str((await in_acs(acs, call))["callConnectionId"])


async def test_what_is_acss_own_is_applied_once(
    manager: Person, call: str, acs: Control, acs_itself: Acs
) -> None:
    told = [event(await connection_of(acs, call))]

    first = await acs_itself.tell(call, told)
    again = await acs_itself.tell(call, told)

    assert (first.status, first.json) == (again.status, again.json) == (200, {"applied": 1})
    ended = await watched(manager, call, lambda now: now["state"] == "disconnected")
    assert [one["type"] for one in ended["events"]].count("CallDisconnected") == 1


async def test_every_event_of_an_array_is_applied(
    manager: Person, call: str, acs: Control, acs_itself: Acs
) -> None:
    connection = await connection_of(acs, call)

    reply = await acs_itself.tell(
        call, [event(connection, "PlayStarted"), event(connection, "PlayCompleted")]
    )

    assert reply.json == {"applied": 2}
    kinds = [one["type"] for one in (await manager.ask(f"/calls/{call}")).json["events"]]
    assert (kinds.count("PlayStarted"), kinds.count("PlayCompleted")) == (1, 1)


async def test_who_is_not_acs_is_refused_before_the_body_is_read(
    manager: Person, call: str, acs: Control, acs_itself: Acs, stack: Stack, one_host: Host
) -> None:
    before = await state_of(manager, call)
    body = [event(await connection_of(acs, call))]
    forged = {
        "": body,
        "x.y.z": body,
        acs_itself.token(exp=int(time.time()) - 3600): body,
        acs_itself.token(aud=str(uuid.uuid4())): body,
        acs_itself.token(iss="https://evil.example"): body,
        acs_itself.forged(): body,
        acs_itself.forged("unknown"): body,
        stack.token("alice", roles=MANAGER): b"[" * 1_000_000,
    }

    for token, told in forged.items():
        reply = await acs_itself.tell(call, told, token)
        assert (reply.status, reply.json["code"]) == (401, "unauthenticated")

    assert await state_of(manager, call) == before
    assert "evil.example" not in one_host.log.read_text()


async def test_events_about_another_call_are_refused(
    manager: Person, call: str, acs: Control, acs_itself: Acs
) -> None:
    before = await state_of(manager, call)
    own = await connection_of(acs, call)

    other = await acs_itself.tell(call, [event(str(uuid.uuid4()))])
    unknown = await acs_itself.tell(uuid.uuid4().hex, [event(own)])
    odd = await acs_itself.tell("~x", [event(own)])

    assert (other.status, unknown.status, odd.status) == (403, 404, 404)
    for none in ("", ".", "..", "/", "%2e%2e/x", "\n"):  # no connection has such an id
        assert (await acs_itself.tell(call, [event(none)])).status == 403, none
        assert (await acs_itself.tell(uuid.uuid4().hex, [event(none)])).status == 404, none
    assert (await in_acs(acs, call))["callConnectionState"] == "connected"
    assert await state_of(manager, call) == before


async def test_a_foreign_event_does_not_keep_the_others_of_its_batch_from_being_applied(
    manager: Person, call: str, acs: Control, acs_itself: Acs
) -> None:
    foreign, own = event(str(uuid.uuid4())), event(await connection_of(acs, call), "PlayStarted")

    reply = await acs_itself.tell(call, [foreign, own, 7])

    assert reply.status == 200
    seen = (await manager.ask(f"/calls/{call}")).json
    assert seen["state"] == "connected"
    assert "PlayStarted" in {one["type"] for one in seen["events"]}


async def test_a_call_that_nobody_can_see_any_more_ends(
    stack: Stack, call: str, acs: Control, acs_itself: Acs
) -> None:
    connection = await connection_of(acs, call)
    await remove_rows(stack, call)

    reply = await acs_itself.tell(call, [event(connection, "PlayStarted")])

    assert reply.status == 404
    assert (await in_acs(acs, call))["callConnectionState"] == "disconnected"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json +14255550123", 400),
        (b"{}", 400),
        (b"[]", 400),
        (json.dumps([event("x")] * 101).encode(), 400),
        (json.dumps([event("x", data={"callConnectionId": 7})]).encode(), 400),
        (b"x" * 10 * 1024 * 1024, 413),
    ],
)
async def test_what_is_no_event_is_refused_and_not_logged(
    manager: Person, call: str, acs_itself: Acs, one_host: Host, body: bytes, status: int
) -> None:
    before = await state_of(manager, call)

    reply = await acs_itself.tell(call, body)

    assert reply.status == status
    assert await state_of(manager, call) == before
    assert "+14255550123" not in one_host.log.read_text()
    assert "+14255550123" not in json.dumps(reply.json)
