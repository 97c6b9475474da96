"""Killing a host at a chosen moment of a request."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass

import aiohttp
import pytest

from tests.support.api import Reply
from tests.support.control import Control
from tests.support.stack import Host


@dataclass(frozen=True)
class Step:
    """A moment at which something outside the host has happened or not.

    Attributes:
        where: who is asked: "acs", "graph" or "tables".
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
    step: Step, host: Host, controls: Mapping[str, Control], request: Awaitable[Reply]
) -> None:
    """Send the request, kill the host at the step, and start it again."""
    await kill_all([(step, request)], host, controls)


async def kill_all(
    cut_short: Iterable[tuple[Step, Awaitable[Reply]]], host: Host, controls: Mapping[str, Control]
) -> None:
    """Send each request, kill the host once each is held at its step, and start it again.

    Only the last may be held while it asks for more of the same at the same time: those would be
    taken for the next one's.

    Args:
        controls: of whom to hold requests at, by where a step is.
    """
    sent = []
    for step, request in cut_short:
        control = controls[step.where]
        for _ in range(step.skip):
            await control.fault(step.operation, delayMs=0, times=1)
        fault = await control.fault(step.operation, hold=step.moment, times=1)
        sent.append(asyncio.ensure_future(request))
        await control.held(fault)
    host.kill()
    for one in sent:
        with pytest.raises(aiohttp.ClientError):
            await one
    for control in controls.values():
        await control.clear()
    await host.start()
