"""Somebody who places calls, hosts that are stepped, and a small ACS, for tests of races.

Tables are in memory, and each request runs on a host of its own; see `interleaving`.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, override

from shared.calls.acs_types import EstablishedCall, RepeatabilityHeaders
from shared.calls.actions import CallActions
from shared.calls.calls import Calls
from shared.calls.dialling import Dialling, Target
from shared.calls.erased_calls import ErasedCalls
from shared.calls.limits import CallLimit
from shared.calls.live_calls import LIVE_ROW, LiveCalls
from shared.calls.placing import CallPlacing
from shared.calls.reconciling import CallReconciling
from shared.calls.recorded_files import RecordedFiles
from shared.calls.records import CallRecords
from shared.calls.rows import Call
from shared.calls.settings import CallSettings
from shared.calls.settling import CallSettling
from shared.identity.identities import Identities
from shared.identity.resource_accounts import ResourceAccount, accounts_by_realm
from shared.identity.rows import new_mapping, resource_key
from shared.intents import SHARDS, Intents
from shared.keys import principal_key
from shared.principals import Caller, Kind, Principal
from shared.problems import CallRefused
from shared.table_api import TableApi
from shared.tables import CALLS, IDENTITIES, INTENTS, Row, Table, Value
from shared.unavailable import CommunicationUnavailable
from tests.calls.test_call_records import events
from tests.operate.data_world import CheckedTables
from tests.support.interleaving import Instance, Schedule, SteppedApi
from tests.support.memory_tables import memory_clients

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = CallSettings(
    caller_id="+14255550100",
    standalone=True,
    dial_prefixes=("+1",),
    max_live_calls=1,
    max_to_account=100,
    max_legs=500,
    play_hosts=frozenset(),
    speech_endpoint="",
    retention_days=30,
    callback_base="https://app.example",
    callback_issuer="",
    callback_keys_url="",
    recording_notice="",
    notice_voice="",
    recording_storage="",
)


@dataclass
class FakeAcs:
    """Makes one call for each Repeatability-Request-ID, whose answer it may lose.

    Attributes:
        made: the ids of its calls, which are those of ours.
        ended: those of them that go on no more.
        failing: what happens to calls of a number: "lost" (made, and the answer is lost), or
            "refused"; to a repetition the same. "changed": a repetition is refused, as it is not
            the same request any more.
        rung: whom it was asked to invite, and shown: with which caller id.
        asked: each request for a call: its Repeatability-Request-ID, the targets, the caller id,
            and the account that calls.
        own_id: how it lists the service.
        is_silent: whether it does not say what it knows of calls.
        looks: how often it was asked for a call.
        hung_up: how many calls it was asked to end.
    """

    made: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    failing: dict[str, str] = field(default_factory=dict)
    rung: list[str] = field(default_factory=list)
    shown: list[str | None] = field(default_factory=list)
    asked: list[tuple[str, tuple[str, ...], str | None, str | None]] = field(default_factory=list)
    own_id: str | None = "8:acs:service"
    is_silent: bool = False
    looks: int = 0
    hung_up: int = 0

    @property
    def going_on(self) -> list[str]:
        """In the order in which they were made."""
        return [call for call in self.made.values() if call not in self.ended]

    async def create(
        self, targets: Sequence[str], url: str, *, caller_id: str | None,
        speech_endpoint: str | None, repeatability: RepeatabilityHeaders,
        account: str | None = None,
    ) -> EstablishedCall:  # fmt: skip
        self.asked.append((repeatability.id, tuple(targets), caller_id, account))
        fails = self.failing.get(targets[0], "")
        if fails == ("changed" if repeatability.id in self.made else "refused"):
            raise CallRefused
        self.made.setdefault(repeatability.id, url.rpartition("/")[2])
        if fails == "lost":
            raise CommunicationUnavailable
        return EstablishedCall("x", None, self.own_id)

    async def add_participant(
        self, connection_id: str, raw_id: str, *, caller_id: str | None = None, **_options: object
    ) -> None:
        self.rung.append(raw_id)
        self.shown.append(caller_id)

    async def hang_up(self, connection_id: str) -> bool:
        self.hung_up += 1
        return True

    async def callback_url_of(self, connection_id: str) -> str | None:
        return None

    async def find(self, connection_id: str) -> EstablishedCall | None:
        self.looks += 1
        if self.is_silent:
            raise CommunicationUnavailable
        if not self.going_on:
            return None
        return EstablishedCall(connection_id, "server", self.own_id, is_connected=True)


@dataclass
class Agents:
    """Who was added: raw id by realm, tenant and object id."""

    added: dict[tuple[str, str, str], str] = field(default_factory=dict)

    async def find(self, realm: str, object_id: str, tenant: str) -> str | None:
        return self.added.get((realm, tenant, object_id))


@dataclass(frozen=True)
class Host:
    placing: CallPlacing
    actions: CallActions
    calls: Calls
    records: CallRecords
    limit: CallLimit
    intents: Intents
    settling: CallSettling
    reconciling: CallReconciling


class World:
    """Alice, who may have so many calls at a time."""

    def __init__(self, most: int = 1, legs: int = 500) -> None:
        self.schedule, self.acs, self.now = Schedule(), FakeAcs(), START
        self.alice = Principal(Kind.USER, "realm", "alice")
        self.most, self.legs = most, legs
        self.settings = SETTINGS
        self.most_to_account = SETTINGS.max_to_account
        self.accounts: tuple[ResourceAccount, ...] = ()
        self.realms = {"realm"}
        self.agents = Agents()
        self._clients = memory_clients()

    def clock(self) -> datetime:
        """No two calls begin at the same time, or the order of their rows would be random."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    @property
    def caller(self) -> Caller:
        return Caller(self.alice, "Alice", frozenset({"Calls.Manage"}), self.now)

    async def enrol(self, erased_at: datetime | None = None) -> None:
        mapping = new_mapping(self.alice, "8:acs:alice", None, self.now)
        await self._map({**mapping, **({} if erased_at is None else {"erasedAt": erased_at})})

    def stored(self, table: str) -> list[Row]:
        """All rows of a table."""
        return self._clients[table].rows()

    async def erase(self) -> None:
        """As an erasure leaves the mapping."""
        await self._map({"erasedAt": self.now + timedelta(seconds=5)})

    async def _map(self, values: Mapping[str, Value]) -> None:
        key = principal_key(self.alice), resource_key("resource")
        await self._clients[IDENTITIES].upsert(*key, values)

    def host(self, stop_after: int = 0, lose_after: int = 0) -> Host:
        """A host of its own; `stop_after` and `lose_after` as for `Instance`."""
        return self.host_on(Instance(self.schedule, stop_after, lose_after).client)

    def racing_host(self) -> Host:
        """A host that reads the row of its own request at once: nobody else writes it, so that it
        makes no difference when it is read."""
        instance = Instance(self.schedule)
        return self.host_on(lambda client: _OwnRowAtOnce(client, instance))

    def host_on(self, client: Callable[[TableApi], TableApi]) -> Host:
        acs: Any = self.acs

        def table(name: str) -> Table:
            return Table(client(self._clients[name]))

        identities = Identities(table(IDENTITIES), "resource", self.clock)
        records = CallRecords(table(CALLS), 30, self.clock, sleep=no_wait)
        intents = Intents(table(INTENTS), self.clock)
        reconciling = CallReconciling(records, acs, self.clock)
        limit = CallLimit(
            records, reconciling.reconcile, self.most, self.legs, self.clock,
            max_to_account=self.most_to_account,
        )  # fmt: skip
        files = RecordedFiles(table(CALLS), acs, self.clock)
        calls = Calls(records, acs, identities, self.settings, intents, reconciling, files)
        accounts = accounts_by_realm(self.accounts, self.realms)
        dialling = Dialling(identities, self.settings, accounts, self.agents)

        async def is_enrolled(caller: Caller) -> None:
            pass

        placing = CallPlacing(
            calls, records, acs, identities, dialling, limit, SETTINGS.caller_id, is_enrolled,
            reconciling=reconciling, intents=intents, now=self.clock,
        )  # fmt: skip
        actions = CallActions(calls, acs, dialling, reconciling, limit, self.clock)
        erased = ErasedCalls(records, identities, calls.end_erased)
        settling = CallSettling(
            records, intents, self.clock,
            reconciling=reconciling, discard_if_erased=erased.discard_if_erased,
        )  # fmt: skip
        return Host(placing, actions, calls, records, limit, intents, settling, reconciling)

    async def place(self, host: Host, key: str, targets: int = 1) -> Call:
        numbers = [Target(phone_number=number_of(key, n)) for n in range(targets)]
        return (await host.placing.place(self.caller, key, numbers, None, None)).call

    def fail(self, key: str, fails: str) -> None:
        """Have ACS fail in what is placed with a key; "" ends that."""
        self.acs.failing[f"4:{number_of(key)}"] = fails

    async def begin(self, host: Host, key: str) -> Call:
        """The beginning of `place`, where calls take their places."""

        async def count(row: Row | None, call_id: str) -> Mapping[str, Value]:
            return await host.limit.with_new_call(self.alice, row, call_id, 1)

        return await host.records.begin(self.alice, key, "wish", count=count)

    async def quietly[T](self, request: Awaitable[T]) -> T:
        """The result of a request, while nothing else goes on."""
        task = asyncio.ensure_future(request)
        await self.schedule.drain()
        return await task

    async def repair(self, kind: str, row: Row, stop_after: int = 0, lose_after: int = 0) -> None:
        """As the check of data repairs a finding."""
        instance = Instance(self.schedule, stop_after, lose_after)
        clients = {name: instance.client(client) for name, client in self._clients.items()}
        tables = CheckedTables(clients)
        tables.now = self.now
        [rule] = [one for one in tables.rules() if one.kind == kind]
        assert rule.repair is not None
        await rule.repair(row)

    async def ends(self, call_id: str) -> None:
        """Somebody hangs up, and ACS tells of it."""
        self.acs.ended.add(call_id)
        [told] = events("CallDisconnected")
        await self.quietly(self.host().calls.apply(call_id, [told]))

    async def counted(self) -> LiveCalls | None:
        """Alice's row."""
        row = await self.quietly(self._table(CALLS).find(principal_key(self.alice), LIVE_ROW))
        return None if row is None else LiveCalls.of(row)

    async def rows_of_alice(self) -> list[Row]:
        return await self.quietly(self._table(CALLS).list_for(principal_key(self.alice)))

    async def store(self, row_key: str, values: Mapping[str, Value]) -> None:
        await self.quietly(self._table(CALLS).put(principal_key(self.alice), row_key, values))

    async def intents(self) -> list[Row]:
        table = self._table(INTENTS)
        listed = [await self.quietly(table.list_for(shard)) for shard in SHARDS]
        return list(itertools.chain(*listed))

    def _table(self, name: str) -> Table:
        return Table(Instance(self.schedule).client(self._clients[name]))


def number_of(key: str, n: int = 0) -> str:
    """The numbers that are called with a key."""
    return f"+1425555{ord(key[0]):03}{n}"


async def no_wait(_seconds: float) -> None:
    """The clock is the test's."""


class _OwnRowAtOnce(SteppedApi):
    @override
    async def get(self, partition_key: str, row_key: str) -> Row:
        if row_key.startswith("request-"):
            return await self.api.get(partition_key, row_key)
        return await super().get(partition_key, row_key)


class Orders:
    """Every order in which the storage requests of several requests can come, one by one."""

    def __init__(self) -> None:
        self._chosen: list[tuple[int, int]] = []
        self._at = 0
        self.tried = 0

    async def follow(self, schedule: Schedule) -> None:
        """Let all go on to their end, in the order that is next."""
        self._at = 0
        await schedule.settle()
        while schedule.waiting:
            if self._at == len(self._chosen):
                self._chosen.append((0, len(schedule.waiting)))
            choice, _ = self._chosen[self._at]
            self._at += 1
            await schedule.step(choice)

    def has_next(self) -> bool:
        """Go on to the next order, if there is one."""
        self.tried += 1
        del self._chosen[self._at :]
        while self._chosen:
            choice, of = self._chosen.pop()
            if choice + 1 < of:
                self._chosen.append((choice + 1, of))
                return True
        return False
