"""If a host gives an answer that is not in the description, the test that got it fails."""

from pathlib import Path

import aiohttp

from tests.support.api import ask
from tests.support.described import DescribedAnswers, described
from tests.support.stack import Host

LINE = "2026-11-28 12:00:00 INFO shared.http.serving [c0ffee]: {} in 3 ms, invocation c0ffee\n"


def test_what_is_not_described_is_found_once_in_whole_lines(tmp_path: Path) -> None:
    log, answers = tmp_path / "host.log", DescribedAnswers()
    answers.watch(log)
    assert answers.undescribed() == []

    log.write_text(
        LINE.format("GET GetUser: 200 ok")
        + LINE.format("GET GetUser: 418 teapot")
        + "2026-11-28 12:00:00 INFO other [x]: GET GetUser: 200 never in 3 ms\n"
        + LINE.format("HEAD Health: 404 not-found")
        + LINE.format("GET GetUser: 409 key-reused")[:60]
    )

    [found] = answers.undescribed()
    assert found.startswith("GetUser answered GET with 418 teapot")
    assert answers.undescribed() == []
    with log.open("a") as file:
        file.write(LINE.format("GET GetUser: 409 key-reused")[60:])
    assert len(answers.undescribed()) == 1


async def test_what_a_host_logs_of_its_answers_is_read(
    one_host: Host, client: aiohttp.ClientSession
) -> None:
    """Otherwise every answer of a host would pass."""
    answers = DescribedAnswers()
    answers.watch(one_host.log)
    await ask(client, one_host, "/health/nothing", method="HEAD")
    await ask(client, one_host, "/user")

    read = set(answers.new())

    assert {
        ("Health", "HEAD", 404, "not-found"),
        ("GetUser", "GET", 401, "unauthenticated"),
    } <= read
    assert answers.undescribed() == []


def test_a_code_counts_for_its_function_and_method_alone() -> None:
    assert ("PlaceCall", "POST", 409, "idempotency-key-reused") in described()
    assert ("GetCall", "GET", 409, "idempotency-key-reused") not in described()
    assert ("GetUser", "GET", 200, "ok") in described()
    assert ("GetUser", "GET", 201, "ok") not in described()
