"""What fails on a bad day: one request of ten that a host sends, in each of the ways there are."""

import random
from collections.abc import Mapping
from typing import Any

from tests.support.control import Control

# Of all requests, so many hundredths; ten in all. "Silence" is no answer before the host gives up:
# the request is held until its client has left. Before or after means the effect.
TROUBLES: Mapping[str, tuple[float, dict[str, Any]]] = {
    "throttled": (0.025, {"status": 429, "retryAfter": 1}),
    "failed": (0.025, {"status": 500}),
    "unavailable": (0.012, {"status": 503}),
    "reset before": (0.015, {"drop": "before"}),
    "reset after": (0.015, {"drop": "after"}),
    "silence before": (0.003, {"hold": "before"}),
    "silence after": (0.005, {"hold": "after"}),
}


async def begin(controls: Mapping[str, Control], chance: random.Random) -> None:
    """Have requests to all of these fail from now on; which ones follows from `chance`."""
    for control in controls.values():
        for share, trouble in TROUBLES.values():
            await control.fault("*", share=share, seed=chance.getrandbits(32), **trouble)


async def hits(controls: Mapping[str, Control]) -> dict[str, int]:
    """How many requests to each have failed so far."""
    return {
        name: sum(fault["hits"] for fault in (await control.get("faults"))["faults"])
        for name, control in controls.items()
    }


async def end(controls: Mapping[str, Control]) -> None:
    for control in controls.values():
        await control.clear()
