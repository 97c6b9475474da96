"""A host that dies while it calls as a Teams resource account leaves one call after the repetition,
as in `test_call_kills`: calls through an account cost money too."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable

import pytest

from devstack.well_known import TEAMS_ACCOUNT_ID, TENANT_ID
from tests.calls.test_call_kills import AGAIN, HELD, PLACING, id_of
from tests.calls.test_calls import MANAGER, PHONE, has, is_connected, place, watched
from tests.meetings.test_meeting_kills import asked, covered
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.sampling import Few
from tests.support.stack import Host, StartHost
from tests.support.storage import KillEach
from tests.support.table_proxy import TableProxy


@pytest.fixture
async def counted_host(start_host: StartHost, tables: TableProxy) -> Host:
    """One that calls as an account, and has no number of its own."""
    account = {"id": TEAMS_ACCOUNT_ID, "tenant": TENANT_ID}
    return await start_host(
        TABLES_CONNECTION_STRING=tables.connection_string,
        UPSTREAM_TIMEOUT_SECONDS="60",
        TEAMS_RESOURCE_ACCOUNTS=json.dumps([account]),
        CALLER_ID_NUMBER="",
        STANDALONE_CALLS="false",
    )


@pytest.fixture(autouse=True)
async def telling(acs: Control) -> AsyncIterator[None]:
    """Everybody answers; events wait until a test says that they are told."""
    await acs.put("farEnds", {})
    await acs.put("callbacks", HELD)
    yield
    await acs.put("callbacks", {})


async def test_a_call_as_an_account_that_was_killed_anywhere_is_placed_once_by_its_repetition(
    tables: TableProxy,
    acs: Control,
    counted_host: Host,
    people: People,
    kill_each: KillEach,
    few: Few,
) -> None:
    steps = few(PLACING)
    first, *managers = people(counted_host, *(f"caller {n}" for n in range(1 + len(steps))))
    for manager in (first, *managers):
        manager.sign_in(*MANAGER)
        await manager.token()

    def placed(manager: Person) -> Awaitable[Reply]:
        return place(manager, {"phoneNumber": PHONE}, key="key")

    assert await asked(tables, acs, placed(first), "acs") == covered(PLACING)
    before = len((await acs.state())["calls"])

    await kill_each(zip(steps, map(placed, managers), strict=True))
    calls = [id_of(one) for one in await asyncio.gather(*map(placed, managers))]
    again = [id_of(one) for one in await asyncio.gather(*map(placed, managers))]
    await acs.put("callbacks", AGAIN)
    await acs.tell()

    assert again == calls
    assert len((await acs.state())["calls"]) == before + len(steps)
    for step, manager, call in zip(steps, managers, calls, strict=True):
        seen = await watched(manager, call, lambda now: is_connected(now) and has(1)(now))
        assert [one.get("user") for one in seen["participants"]] == [None], step
        listed = (await manager.ask("/calls")).json["calls"]
        assert [one["id"] for one in listed] == [call], step
