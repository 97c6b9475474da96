"""Today's code writes rows like the golden ones, also kinds of rows that have no class."""

import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta

import pytest

from shared.app import App
from shared.bot_calls.event_grid import read_grid_events
from shared.principals import Caller
from tests.golden.client import Client, refusal, tell
from tests.golden.kinds import golden_by_kind, kind_of
from tests.golden.product import READ, REALM, golden_app, signed_in
from tests.golden.rows import GoldenTables
from tests.support.control import Control

GROUP = "acde0000-0000-4000-8000-0000000ca2bb"
# Of which no class writes all that a row holds.
CLASSLESS = {
    "mapping",
    "reverse",
    "tombstone",
    "index",
    "request",
    "rang",
    "event",
    "place of a bot",
}


class Newcomer:
    """Somebody whose rows are written just now, by hosts whose clocks go on."""

    def __init__(self, environment: Mapping[str, str], acs: Control) -> None:
        self._environment = environment
        self._apps: list[App] = []
        self.acs = acs
        self.time = READ

    def now(self) -> datetime:
        return self.time

    def sign_in(self, name: str | None, *roles: str) -> Caller:
        return signed_in("newcomer", name, *roles, at=self.time)

    def host(self) -> App:
        """Another host, an hour later: it has no token that it could hand out again."""
        self.time += timedelta(hours=1)
        self._apps.append(golden_app(self._environment, self.now))
        return self._apps[-1]

    async def close(self) -> None:
        for app in self._apps:
            await app.upstream.close()


@pytest.fixture
async def newcomer(environment: Mapping[str, str], acs: Control) -> AsyncIterator[Newcomer]:
    somebody = Newcomer(environment, acs)
    yield somebody
    await somebody.close()


async def test_what_is_written_today_is_as_the_golden_rows_are(
    newcomer: Newcomer, golden: GoldenTables
) -> None:
    """Whatever today's code stores, some golden row has just these properties."""
    golden_shapes = {kind: [row.types for row in rows] for kind, rows in golden_by_kind().items()}
    written = defaultdict[str, list[dict[str, str]]](list)
    partitions = defaultdict[str, set[str]](set)

    def look(table: str, *found: str) -> None:
        partitions[table].update(found)
        for row in golden.of(table, *found):
            written[kind_of(table, row)].append(row.types)

    me, its = key("identity of", "user", REALM, "newcomer"), key("identity of", "bot", REALM, "new")
    try:
        user_id = await _enrol(newcomer, lambda: look("identities", me))
        bot_id = await _register(newcomer)
        look("identities", its, key("owner of", user_id), key("owner of", bot_id))
        # That of the golden bots, too: they stay.
        [place] = [
            row
            for row in golden.of("identities", key("bots of", REALM))
            if row.row_key == f"bot-{its}"
        ]
        written["place of a bot"].append(place.types)
        placed, rang = await _call(newcomer, user_id, bot_id)
        look("calls", me, its, placed, rang)
        await _erase_and_come_again(newcomer, lambda: look("identities", me))
    finally:
        await newcomer.acs.clear()
        await newcomer.host().bots.remove(newcomer.sign_in(None, "Bots.Operate"), "new")
        await newcomer.host().personal_data.erase(newcomer.sign_in(None))
        for table, keys in partitions.items():
            golden.remove_partitions(table, *keys)

    assert written.keys() == {*CLASSLESS, "record of a call", "live"}
    for kind in CLASSLESS:
        for shape in written[kind]:
            assert shape in golden_shapes[kind], f"no golden row of a {kind} has {shape}"


async def _enrol(newcomer: Newcomer, look: Callable[[], None]) -> str:
    """A new user, with a name, another name, and without the tokens that they had."""
    identity, _ = await newcomer.host().tokens.issue(newcomer.sign_in("New"), None, None)
    look()
    await newcomer.host().tokens.issue(newcomer.sign_in("Newer"), None, None)
    look()
    revoked = newcomer.sign_in("Newer")
    await newcomer.host().tokens.revoke(revoked, revoked.principal)
    look()
    return identity.communication_user_id


async def _register(newcomer: Newcomer) -> str:
    operator = newcomer.sign_in("Newer", "Bots.Operate")
    registered, _ = await newcomer.host().bots.register(operator, "new", "Bot")
    return registered.communication_user_id


async def _call(newcomer: Newcomer, user_id: str, bot_id: str) -> tuple[str, str]:
    """A call that ACS refuses, and of which it reports events all the same; and a call to the bot
    that does not ring any more. Neither leaves anything in ACS."""
    app, acs = newcomer.host(), newcomer.acs
    client = Client(app, newcomer.sign_in("Newer", "Calls.Manage"))
    await acs.fault("connectCall", status=400)
    await acs.fault("answerCall", status=404)
    await acs.fault("terminateCall", status=204)
    placing = app.call_placing.place(client.caller, "new", [], None, GROUP)
    assert await refusal(placing) == "call-refused"
    told = {"to": {"rawId": bot_id}, "from": {"rawId": user_id}, "incomingCallContext": "new"}
    event = {
        "eventType": "Microsoft.Communication.IncomingCall",
        "eventTime": newcomer.time.isoformat(),
        "data": told,
    }
    [missed] = await app.incoming_calls.handle(read_grid_events(json.dumps([event]).encode()))
    assert missed.value == "missed"
    [placed] = await client.calls()
    [rang] = await client.calls("new")
    await tell(app, placed["id"], "connection", "new event", "CallConnected")
    return placed["id"], rang["id"]


async def _erase_and_come_again(newcomer: Newcomer, look: Callable[[], None]) -> None:
    await newcomer.acs.fault("delete", status=400, times=1)
    erased = newcomer.sign_in("Newer")
    assert await refusal(newcomer.host().personal_data.erase(erased)) == "communication-unavailable"
    look()
    await newcomer.host().personal_data.erase(erased)
    look()
    newcomer.host()
    await newcomer.host().tokens.issue(newcomer.sign_in("Newest"), None, None)
    look()


def key(*parts: str) -> str:
    """A key of Table Storage as the product makes it, written down once more: keys are stored."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part.encode()).to_bytes(8) + part.encode())
    return digest.hexdigest()
