"""Killing a host at a chosen moment of a request."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import aiohttp
import pytest

from tests.control import Control
from tests.e2e.api import Reply
from tests.stack import Host


@dataclass(frozen=True)
class Step:
    """A moment at which something outside the host has happened or not.

    Attributes:
        where: who is asked, "acs" or "tables".
        operation: for what.
        skip: how many such requests go by first.
        moment: the host dies "before" or "after" the effect.
    """

    where: str
    operation: str
    skip: int
    moment: str

    def __str__(self) -> str:
        return f"{self.where} {self.operation} {self.skip} {self.moment}"


async def kill_at(
    step: Step, host: Host, acs: Control, table_faults: Control, request: Awaitable[Reply]
) -> None:
    """Send the request, kill the host at the step, and start it again."""
    control = acs if step.where == "acs" else table_faults
    for _ in range(step.skip):
        await control.fault(step.operation, delayMs=0, times=1)
    fault = await control.fault(step.operation, hold=step.moment, times=1)
    cut_short = asyncio.ensure_future(request)
    await control.held(fault)
    host.kill()
    with pytest.raises(aiohttp.ClientError):
        await cut_short
    await control.clear()
    await host.start()
