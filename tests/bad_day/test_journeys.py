"""The main journeys of people, apps and bots, while one request of ten upstream fails."""

import asyncio

import pytest

from tests.bad_day import trouble
from tests.bad_day.aftermath import settled_and_sound
from tests.bad_day.cast import Cast
from tests.bad_day.journeys import JOURNEYS
from tests.support.control import Control
from tests.support.sampling import Few

pytest_plugins = ("tests.bad_day.fixtures",)


@pytest.mark.timeout(600)  # it waits as long as it is told to: half a minute on an idle machine
async def test_who_retries_as_told_gets_everything_on_a_bad_day_and_nothing_is_left(
    cast: Cast, upstreams: dict[str, Control], few: Few
) -> None:
    await trouble.begin(upstreams, cast.chance)

    async with asyncio.TaskGroup() as group:
        for journey in few(list(JOURNEYS.values())):
            group.create_task(journey(cast))

    failed = await trouble.hits(upstreams)
    await trouble.end(upstreams)
    assert failed["tables"] > 0, failed
    await settled_and_sound(cast)
