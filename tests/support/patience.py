"""A client that does what answers tell it: it waits for Retry-After, and sends the same again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self, override
from unittest.mock import ANY

# Before a repetition that no answer tells the time of, plus or minus half.
PAUSE_SECONDS = 0.3
# How long one request of a test may take on a bad day, all repetitions included.
_SECONDS = 300.0

# 502 asks Event Grid to deliver an event again.
_COME_AGAIN = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE}
)
_TRY_AGAIN = frozenset({"conflict", "being-erased"})
# Of those answers, what no failure at random leads to: a limit is reached, the operator has to mend
# something, or the issuer's keys cannot be had. A test that gets one of these has asked for it.
_MEANT = frozenset({"issuer-unavailable", "table-missing"})
_MEANT_BEGINNING, _MEANT_END = "too-many-", "-refused"

# The same refusal so often in a row is no accident: what was asked is down, as the test has it.
_NO_ACCIDENT = 10

# Whether clients of this run are patient: known before any test is imported.
patient = False


@dataclass(frozen=True)
class Reply:
    """An answer; `json` is None where it has no body, and the text of one for a calendar."""

    status: int
    headers: Mapping[str, str]
    json: Any

    @property
    def user_id(self) -> str:
        """The ACS id of a token answer."""
        assert self.status == 200, self
        return str(self.json["user"]["communicationUserId"])


class FoundOrMade(int):
    """200 to a request that was sent before: what it has found may be what it made the first time,
    when the answer would have been 201. So it is equal to both, and 201 in a set."""

    def __new__(cls) -> Self:
        return super().__new__(cls, HTTPStatus.CREATED)

    @override
    def __eq__(self, other: object) -> bool:
        return other in (HTTPStatus.OK.value, HTTPStatus.CREATED.value)

    @override
    def __ne__(self, other: object) -> bool:
        return not self == other

    @override
    def __hash__(self) -> int:
        return super().__hash__()


class _AtLeast(int):
    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other >= int(self)

    @override
    def __ne__(self, other: object) -> bool:
        return not self == other

    @override
    def __hash__(self) -> int:
        return super().__hash__()


def or_more(number: int) -> int:
    """So many; on a bad day perhaps more. Of what a repetition makes again, as it is documented to:
    identities in ACS whose creation was answered to nobody, what is played, and waits for a
    participant's keys; and of questions to ACS and Graph, which come again until they are answered.
    """
    return _AtLeast(number) if patient else number


def told_to_wait(reply: Reply, pause: float) -> float | None:
    """Seconds until the same is to be sent again; None where the answer is the last."""
    if reply.status in _COME_AGAIN:
        return float(reply.headers["Retry-After"])
    if reply.status == HTTPStatus.CONFLICT and reply.json["code"] in _TRY_AGAIN:
        return pause
    return None


async def last_answer(send: Callable[[], Awaitable[Reply]], *, makes: bool) -> Reply:
    """Send a request until it is answered for good, as tests of the suite do on a bad day.

    Args:
        makes: whether the answer is 201 where the request has made something, and 200 where it has
            found it.

    Raises:
        AssertionError: there was no such answer within five minutes.
    """
    repeated, until = False, time.monotonic() + _SECONDS
    refusals = list[tuple[str, str]]()
    while True:
        reply = await send()
        pause = PAUSE_SECONDS * random.uniform(0.5, 1.5)
        wait = None if _is_meant(reply) else told_to_wait(reply, pause)
        if wait is None or _is_no_accident(refusals, reply):
            if repeated and makes and reply.status == HTTPStatus.OK:
                # It comes with 201 only.
                headers: dict[str, Any] = {"Location": ANY, **reply.headers}
                return replace(reply, status=FoundOrMade(), headers=headers)
            return reply
        assert time.monotonic() < until, f"after minutes still {reply}"
        repeated = True
        await asyncio.sleep(wait)


def _is_no_accident(refusals: list[tuple[str, str]], reply: Reply) -> bool:
    """Whether this answer and those before it are the same refusal; keeps it for the next time."""
    if reply.status != HTTPStatus.SERVICE_UNAVAILABLE:
        refusals.clear()
        return False
    this = ("", "") if reply.json is None else (reply.json["code"], reply.json["detail"])
    refusals.append(this)
    return refusals[-_NO_ACCIDENT:] == [this] * _NO_ACCIDENT


def _is_meant(reply: Reply) -> bool:
    if reply.status not in _COME_AGAIN or reply.json is None:  # an answer to HEAD
        return False
    code = reply.json["code"]
    return code in _MEANT or code.startswith(_MEANT_BEGINNING) or code.endswith(_MEANT_END)
