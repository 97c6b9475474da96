"""Enrolment against real storage, where it fails half-way on one of two hosts."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from shared.identity.acs import Grant
from shared.identity.enrolment import Enrolment
from shared.identity.identities import Identities
from shared.principals import Kind, Principal
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import IDENTITIES, Table
from shared.unavailable import CommunicationUnavailable, IdentityGone, StorageUnavailable
from shared.upstream.clients import Upstream
from tests.support.control import Control
from tests.support.stack import Stack
from tests.support.table_proxy import TableProxy

VOIP = frozenset({"voip"})


class FakeAcs:
    """Makes identities and remembers which there are."""

    def __init__(self) -> None:
        self._serial = count()
        self.living: list[str] = []
        self.fails_to_delete: type[Exception] | None = None

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        self.living.append(f"8:acs:res_{next(self._serial)}")
        now = datetime.now(UTC)
        return self.living[-1], Grant("token", now + timedelta(hours=1), scopes, minutes, now)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        if user_id not in self.living:
            raise IdentityGone
        now = datetime.now(UTC)
        return Grant("fresh token", now + timedelta(hours=1), scopes, minutes, now)

    async def delete_user(self, user_id: str) -> None:
        if self.fails_to_delete is not None:
            raise self.fails_to_delete
        self.living.remove(user_id)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    yield upstream
    await upstream.close()


def enrolment(stack: Stack, connection_string: str, upstream: Upstream, acs: FakeAcs) -> Enrolment:
    settings = load({**stack.settings, "TABLES_CONNECTION_STRING": connection_string})
    table = Table(TableApi(IDENTITIES, settings.upstream, upstream))
    return Enrolment(table, Identities(table, "resource"), acs)


def identities(stack: Stack, upstream: Upstream) -> Identities:
    table = Table(TableApi(IDENTITIES, load(stack.settings).upstream, upstream))
    return Identities(table, "resource")


async def test_an_enrolment_that_storage_failed_goes_on_with_the_same_identity(
    stack: Stack, upstream: Upstream, tables: TableProxy, table_faults: Control
) -> None:
    acs, who = FakeAcs(), Principal(Kind.USER, "realm", "same identity")
    host = enrolment(stack, tables.connection_string, upstream, acs)
    await table_faults.fault("insert", status=500)
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await host.enrol(who, None, VOIP, 60)
    await table_faults.clear()

    identity, grant = await host.enrol(who, None, VOIP, 60)

    assert acs.living == [identity.communication_user_id]
    assert grant is not None
    assert grant.token == "fresh token"  # the first one was as old as the first failure


async def test_a_spare_is_deleted_when_another_host_was_faster(
    stack: Stack, upstream: Upstream, tables: TableProxy, table_faults: Control
) -> None:
    acs, who = FakeAcs(), Principal(Kind.USER, "realm", "faster host")
    slow = enrolment(stack, tables.connection_string, upstream, acs)
    fast = enrolment(stack, stack.settings["TABLES_CONNECTION_STRING"], upstream, acs)
    await table_faults.fault("insert", status=500)
    with pytest.raises(StorageUnavailable):
        await slow.enrol(who, None, VOIP, 60)
    await table_faults.clear()
    winner, _ = await fast.enrol(who, None, VOIP, 60)

    await slow.discard_spare(who, winner)

    assert acs.living == [winner.communication_user_id]


@pytest.mark.parametrize("failure", [CommunicationUnavailable, TimeoutError])
async def test_a_spare_that_could_not_be_deleted_is_deleted_by_the_next_request(
    stack: Stack,
    upstream: Upstream,
    tables: TableProxy,
    table_faults: Control,
    failure: type[Exception],
) -> None:
    """The host that made it is dead; the person is enrolled, so nobody enrols them again."""
    acs, who = FakeAcs(), Principal(Kind.USER, "realm", f"spare kept by {failure.__name__}")
    killed = enrolment(stack, tables.connection_string, upstream, acs)
    host = enrolment(stack, stack.settings["TABLES_CONNECTION_STRING"], upstream, acs)
    await table_faults.fault("batch", status=500)
    with pytest.raises(StorageUnavailable):
        await killed.enrol(who, None, VOIP, 60)
    await table_faults.clear()
    acs.fails_to_delete = failure
    with suppress(TimeoutError):  # which ends the request; a problem does not
        await host.enrol(who, None, VOIP, 60)
    acs.fails_to_delete = None
    assert len(acs.living) == 2

    identity = await identities(stack, upstream).find(who, None)
    assert identity is not None
    await host.discard_spare(who, identity)  # as each request for a token does

    assert acs.living == [identity.communication_user_id]


async def test_a_spare_that_was_erased_meanwhile_is_not_used(
    stack: Stack, upstream: Upstream, tables: TableProxy, table_faults: Control
) -> None:
    acs, who = FakeAcs(), Principal(Kind.USER, "realm", "erased spare")
    host = enrolment(stack, tables.connection_string, upstream, acs)
    await table_faults.fault("insert", status=500)
    with pytest.raises(StorageUnavailable):
        await host.enrol(who, None, VOIP, 60)
    await table_faults.clear()
    acs.living.clear()

    identity, _ = await host.enrol(who, None, VOIP, 60)

    assert acs.living == [identity.communication_user_id]
