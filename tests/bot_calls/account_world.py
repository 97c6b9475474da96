"""Phones that call Teams resource accounts, hosts that are stepped, and a small ACS; in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.bot_calls.event_grid import GridEvent, IncomingCallResult, read_grid_events
from shared.bot_calls.incoming_calls import IncomingCalls
from shared.bot_calls.routing import AccountBot, Routing
from shared.calls.acs_types import EstablishedCall, RepeatabilityHeaders
from shared.calls.live_calls import Counted, LiveCalls, account_key
from shared.calls.recorded_files import FileEvent
from shared.calls.rows import Call
from shared.identity.identities import Identities
from shared.identity.rows import new_mapping, owner_key, resource_key
from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.tables import CALLS, IDENTITIES, Row, Table, Value
from shared.unavailable import CommunicationUnavailable
from tests.bot_calls.attendant_world import SETTINGS
from tests.calls.placing_world import FakeAcs, World
from tests.support.interleaving import Instance

ACCOUNT, OTHER = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
TO_ACCOUNT = f"28:orgid:{ACCOUNT}"
PHONE, OTHER_PHONE = "4:+14255550123", "4:+14255550124"
BOT = Principal(Kind.BOT, "realm", "helpdesk")
BOT_RAW_ID = "8:acs:resource_helpdesk"
ALICE_RAW_ID = "8:acs:resource_alice"


@dataclass
class AnsweringAcs(FakeAcs):
    """Also answers and rejects calls that ring; the answer to answering may be lost."""

    loses_answer: bool = False
    rejected: list[str] = field(default_factory=list)

    async def answer(
        self, context: str, url: str, *, speech_endpoint: str | None,
        repeatability: RepeatabilityHeaders,
    ) -> EstablishedCall:  # fmt: skip
        self.made.setdefault(repeatability.id, url.rpartition("/")[2])
        if self.loses_answer:
            raise CommunicationUnavailable
        return EstablishedCall("x", None, self.own_id)

    async def reject(self, context: str, *, repeatability: RepeatabilityHeaders) -> None:
        self.rejected.append(context)


class AccountWorld(World):
    """A bot of the name helpdesk, which answers for an account."""

    acs: AnsweringAcs

    def __init__(self, most: int = 1) -> None:
        super().__init__(most)
        self.acs = AnsweringAcs()
        self.bot_settings = SETTINGS

    async def register(self, **changes: Value) -> None:
        """The bot, as it is registered."""
        values = {**new_mapping(BOT, BOT_RAW_ID, None, self.now), **changes}
        table = self._clients[IDENTITIES]
        await table.upsert(principal_key(BOT), resource_key("resource"), values)
        await self._own(BOT, BOT_RAW_ID)

    async def _own(self, owner: Principal, raw_id: str) -> None:
        """The row by which the owner of an ACS id is found."""
        values: Mapping[str, Value] = {
            "principal": principal_key(owner), "communicationUserId": raw_id, "createdAt": self.now,
        }  # fmt: skip
        await self._clients[IDENTITIES].upsert(owner_key(raw_id), "principal", values)

    async def enrol_in(self, realm: str, **changes: Value) -> None:
        """Alice, who is of that realm."""
        self.alice = self.alice._replace(realm=realm)
        await self._map({**new_mapping(self.alice, ALICE_RAW_ID, None, self.now), **changes})
        await self._own(self.alice, ALICE_RAW_ID)

    def incoming(self, stop_after: int = 0, lose_after: int = 0) -> IncomingCalls:
        """A host of its own; the arguments as for `Instance`."""
        instance = Instance(self.schedule, stop_after, lose_after)
        host = self.host_on(instance.client)
        people = Identities(
            Table(instance.client(self._clients[IDENTITIES])), "resource", self.clock
        )
        account_bots = {
            TO_ACCOUNT: AccountBot(ACCOUNT, BOT),
            f"28:orgid:{OTHER}": AccountBot(OTHER, BOT._replace(id="nobody has registered it")),
        }
        routing = Routing(people, "resource", account_bots, standalone=self.settings.standalone)
        acs: Any = self.acs

        async def is_file(event: FileEvent) -> bool:
            raise AssertionError("nothing is recorded here")

        return IncomingCalls(
            host.calls, host.records, acs, routing, host.limit, self.bot_settings,
            intents=host.intents, add_file=is_file, now=self.clock,
        )  # fmt: skip

    async def rings(
        self, context: str, caller: str = PHONE, to: str = TO_ACCOUNT, **dies: int
    ) -> IncomingCallResult:
        """Event Grid tells of a call that has begun to ring now."""
        told = self.event(context, caller, to)
        [result] = await self.quietly(self.incoming(**dies).handle([told]))
        return result

    def event(self, context: str, caller: str = PHONE, to: str = TO_ACCOUNT) -> GridEvent:
        """As Microsoft's reference has it: the kind of an account is `unknown`."""
        told = {
            "id": context,
            "eventType": "Microsoft.Communication.IncomingCall",
            "eventTime": self.now.isoformat(),
            "data": {
                "to": {"kind": "unknown", "rawId": to},
                "from": {"kind": "phoneNumber", "rawId": caller},
                "incomingCallContext": context,
                "customContext": {"voipHeaders": {"X-MS-Custom-Account": "x"}},
            },
        }
        [event] = read_grid_events(json.dumps([told]).encode())
        return event

    async def answered_call(self) -> Call:
        """The only call that was answered."""
        [call_id] = self.acs.going_on
        found = await self.quietly(self.host().records.find(call_id))
        assert found is not None
        return found

    async def places_of(self, caller: str) -> list[str]:
        """The calls that count against the limit of an outsider."""
        outsider = principal_key(Principal(Kind.OUTSIDER, "realm", caller))
        row = await self.quietly(self._table(CALLS).find(outsider, "live"))
        return [] if row is None else list(LiveCalls.of(row).calls.get("callsToBots", {}))  # type: ignore[call-overload]

    async def counted_to_account(self) -> list[str]:
        """The calls to the account that count against its limit."""
        row = await self.quietly(self._table(CALLS).find(account_key(ACCOUNT), "live"))
        return [] if row is None else list(LiveCalls.of(row).calls[Counted.TO_ACCOUNT])

    def rows(self) -> list[Row]:
        return self.stored(CALLS)
