"""What the suite's clients take for an answer on a bad day, and what for a reason to ask again."""

from collections.abc import Iterator, Sequence

import pytest

from tests.support import patience
from tests.support.patience import Reply, last_answer, or_more

BUSY = Reply(503, {"Retry-After": "0"}, {"code": "storage-unavailable", "detail": "Later."})
THROTTLED = Reply(429, {"Retry-After": "0"}, {"code": "throttled"})
CHANGED = Reply(409, {}, {"code": "conflict"})
ERASING = Reply(409, {}, {"code": "being-erased"})
FOUND, MADE, GONE = Reply(200, {}, {"id": "x"}), Reply(201, {}, {"id": "x"}), Reply(204, {}, None)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0)


async def answer(replies: Sequence[Reply], *, makes: bool = True) -> Reply:
    """The last answer where a host gives these in turn; no more is asked than that."""
    waiting: Iterator[Reply] = iter(replies)

    async def send() -> Reply:
        return next(waiting)

    last = await last_answer(send, makes=makes)
    assert list(waiting) == []
    return last


@pytest.mark.parametrize("first", [BUSY, THROTTLED, CHANGED, ERASING], ids=lambda one: one.json)
async def test_who_is_told_to_come_again_does_until_it_is_answered(first: Reply) -> None:
    assert await answer([first, first, GONE]) == GONE


@pytest.mark.parametrize(
    "meant",
    [
        Reply(429, {}, {"code": "too-many-unanswered"}),
        Reply(503, {"Retry-After": "30"}, {"code": "communication-refused"}),
        Reply(503, {"Retry-After": "30"}, {"code": "table-missing"}),
        Reply(409, {}, {"code": "idempotency-key-reused"}),
        Reply(500, {}, {"code": "internal-error"}),
    ],
    ids=lambda one: one.json["code"],
)
async def test_what_no_failure_at_random_leads_to_is_an_answer(meant: Reply) -> None:
    assert await answer([meant]) == meant


async def test_what_is_down_for_the_same_reason_again_and_again_is_an_answer() -> None:
    down = Reply(503, {"Retry-After": "0"}, {"code": "unavailable", "detail": "Down: storage."})

    assert await answer([BUSY, *[down] * 10]) == down
    assert await answer([*[BUSY] * 9, down, *[BUSY] * 9, GONE]) == GONE
    assert await answer([*[THROTTLED] * 20, GONE]) == GONE


async def test_only_a_repetition_may_find_what_it_was_to_make() -> None:
    at_once, made = await answer([FOUND]), await answer([BUSY, MADE])
    repeated = await answer([BUSY, FOUND])
    read = await answer([BUSY, FOUND], makes=False)

    for reply, statuses in ((at_once, {200}), (made, {201}), (read, {200}), (repeated, {200, 201})):
        assert {status for status in (200, 201, 204) if reply.status == status} == statuses
        assert {status for status in (200, 201, 204) if reply.status != status} == (
            {200, 201, 204} - statuses
        )
    assert (repeated.status, repeated.headers["Location"]) == (201, "/api/friends/x")
    assert "Location" not in read.headers
    assert 201 in {repeated.status}


def test_there_may_be_more_of_what_a_repetition_makes_again_on_a_bad_day_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "patient", False)
    assert [number == or_more(1) for number in (0, 1, 2)] == [False, True, False]
    monkeypatch.setattr(patience, "patient", True)
    assert [number == or_more(1) for number in (0, 1, 2)] == [False, True, True]
