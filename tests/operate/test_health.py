"""Readiness: what is down is named, and of several issuers one is enough."""

import pytest

from shared.operate.health import KEPT_SECONDS, Health
from shared.problems import KeysUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def fails() -> None:
    raise KeysUnavailable


async def works() -> None:
    pass


@pytest.mark.parametrize(
    ("first", "second", "down"),
    [
        (works, works, []),
        (fails, works, []),
        (works, fails, []),
        (fails, fails, ["issuer 1", "issuer 2"]),
    ],
)
async def test_an_issuer_that_fails_leaves_the_app_ready_while_another_works(
    first: object, second: object, down: list[str]
) -> None:
    checks = {"issuer 1": first, "issuer 2": second, "storage": works}

    health = Health(checks, 1, alternatives=["issuer 1", "issuer 2"])  # type: ignore[arg-type]

    assert await health.down() == down


async def test_what_has_no_alternative_is_down_alone() -> None:
    checks = {"issuer 1": works, "storage": fails}

    assert await Health(checks, 1, alternatives=["issuer 1"]).down() == ["storage"]


async def test_an_answer_is_kept_for_a_moment() -> None:
    clock, checks = Clock(), {"storage": fails}
    health = Health(checks, 1, clock)
    assert await health.down() == ["storage"]

    checks["storage"] = works
    assert await health.down() == ["storage"]
    clock.now += KEPT_SECONDS + 1
    assert await health.down() == []
