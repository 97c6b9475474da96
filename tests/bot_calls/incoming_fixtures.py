"""Fixtures of tests in which bots are called; a test module imports those that it uses."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.bot_calls.incoming import Line, register
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host

# Rings, answers and sounds take no time here, so tests wait for events only.
QUICK = {"default": {"afterMs": 5}, "playMs": 5}


@pytest.fixture
async def line(
    one_host: Host, manager: Person, people: People, acs: Control, client: aiohttp.ClientSession
) -> AsyncIterator[Line]:
    """The line to a bot of the stack's; Event Grid tells nobody yet."""
    manager.sign_in("Calls.Manage", "Bots.Operate")
    [bot] = people(one_host, "bot")
    await acs.put("farEnds", QUICK)
    yield Line(client, acs, manager, bot.id, await register(manager, bot.id))
    await acs.unsubscribe()


@pytest.fixture
def alice(one_host: Host, people: People) -> Person:
    """The caller."""
    [alice] = people(one_host, "alice")
    return alice


@pytest.fixture
async def carol(manager: Person) -> Person:
    """The person to whom the stack's menu connects callers."""
    [carol] = manager.others("carol")
    await carol.token()
    return carol
