"""Somebody calls a bot: what tests of incoming calls share."""

import asyncio
import copy
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp

from devstack.well_known import EVENT_KEY, EVENT_KEY_HEADER
from tests.calls.test_calls import DONE_SECONDS, watched
from tests.support import patience
from tests.support.api import Reply, ask
from tests.support.control import Control
from tests.support.people import Person, coded
from tests.support.stack import Host

# What the stack's bots offer: carol, a text, the end.
CAROL, HOURS, END, WRONG = "1", "2", "0", "9"
PROOF = {EVENT_KEY_HEADER: EVENT_KEY}

type Ringing = dict[str, Any]


class Line:
    """The line to a bot: its caller, the host that Event Grid tells, and the state of the call."""

    def __init__(
        self, client: aiohttp.ClientSession, acs: Control, manager: Person, bot: str, bot_id: str
    ) -> None:
        """
        Args:
            manager: operates the bot too; asks the host that answers.
        """
        self._client, self._operator = client, manager
        self.acs, self.manager, self.bot, self.bot_id = acs, manager, bot, bot_id

    def at(self, host: Host) -> "Line":
        """The same line, with another host to answer."""
        same = copy.copy(self)
        same.manager = self.manager.at(host)
        return same

    async def of(self, bot: str) -> "Line":
        """The line to another bot."""
        other = copy.copy(self)
        other.bot, other.bot_id = bot, await register(self.manager, bot)
        return other

    async def remove(self) -> Reply:
        """Erase the bot, at the host of the stack's."""
        return await self._operator.ask(f"/bots/{coded(self.bot)}", "DELETE")

    async def ring(self, caller: Person | str, *presses: str, to: str | None = None) -> Ringing:
        """Somebody calls, and presses these keys one menu after the other.

        Args:
            caller: somebody who is known here, or a raw id.
        """
        raw_id = caller if isinstance(caller, str) else (await caller.token()).user_id
        spec = {"caller": raw_id, "callee": to or self.bot_id, "presses": list(presses)}
        return dict(await self.acs.post("incomingCalls", spec))

    async def deliver(
        self, ringing: Ringing, *, headers: Mapping[str, str] = PROOF, **changed: object
    ) -> Reply:
        """Report the call as Event Grid does."""
        return await self.tell([{**event_of(ringing), **changed}], headers=headers)

    async def tell(self, events: object, *, headers: Mapping[str, str] = PROOF) -> Reply:
        return await ask(
            self._client,
            self.manager.host,
            "/incomingCalls",
            method="POST",
            headers=headers,
            json=events,
        )

    async def calls(self) -> list[dict[str, Any]]:
        """The calls of the bot as a manager sees them, the newest first."""
        reply = await self.manager.ask("/calls?" + urlencode({"bot": self.bot}))
        assert reply.status == 200, reply
        return list(reply.json["calls"])

    async def call(self) -> str:
        """The newest call, as soon as there is one."""
        deadline = time.monotonic() + DONE_SECONDS
        while not (calls := await self.calls()):
            assert time.monotonic() < deadline, await self.acs.get("eventSubscription")
            await asyncio.sleep(0.02)
        return str(calls[0]["id"])

    async def seen(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The newest call, once it is as wanted."""
        return await watched(self.manager, await self.call(), wanted)

    async def asked(self) -> Counter[str]:
        """The requests to ACS so far. Some are not from this test: late events about calls of other
        tests make hosts look at these calls and end them."""
        requests = Counter((await self.acs.state())["requests"])
        return Counter({name: requests[name] for name in ("answerCall", "rejectCall", "play")})

    async def in_acs(self, ringing: Ringing) -> list[dict[str, Any]]:
        """The connections in ACS that a ringing call has led to: one if it was answered."""
        return await self.acs.calls(serverCallId=ringing["serverCallId"])

    async def does(self, ringing: Ringing, what: str, person: Person) -> None:
        """Somebody hangs up, or presses, in a call that was answered."""
        [connection] = await self.in_acs(ringing)
        raw_id = (await person.token()).user_id
        path = f"calls/{connection['callConnectionId']}/{what}"
        await self.acs.post(path, {"participant": raw_id})


def event_of(ringing: Ringing) -> dict[str, Any]:
    """The event by which Event Grid tells of it, another each time."""
    data = {name: value for name, value in ringing.items() if name != "eventId"}
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/x/resourceGroups/y/providers/Microsoft.Communication/z/z",
        "subject": f"/caller/{data['from']['rawId']}/recipient/{data['to']['rawId']}",
        "eventType": "Microsoft.Communication.IncomingCall",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": datetime.now(UTC).isoformat(),
        "data": data,
    }


async def register(operator: Person, bot: str) -> str:
    """A bot's ACS id; the operator needs the role."""
    made = await operator.ask(f"/bots/{coded(bot)}", "PUT", {"displayName": "Bot"})
    assert made.status in (200, 201), made
    return str(made.json["communicationUserId"])


async def subscribe(acs: Control, host: Host, **spec: object) -> None:
    """Have Event Grid tell this host of calls that ring; the handshake is made.

    On a bad day its pauses are a tenth as long, because a call rings for 30 seconds.
    """
    url, quick = f"{host.api}/incomingCalls", {"retryMs": 1000} if patience.patient else {}
    await acs.put("eventSubscription", {"url": url, "headers": PROOF, **quick, **spec})


def has_ended(call: dict[str, Any]) -> bool:
    return bool(call["state"] == "disconnected")


def people_in(call: dict[str, Any]) -> set[str]:
    return {one["user"] for one in call["participants"]}


def kinds(call: dict[str, Any]) -> Counter[str]:
    """The events of a call."""
    return Counter(event["type"] for event in call["events"])


def pressed(call: dict[str, Any]) -> list[str | None]:
    """The keys that each turn of listening has received."""
    return [one.get("tones") for one in call["actions"] if one["kind"] == "tones"]
