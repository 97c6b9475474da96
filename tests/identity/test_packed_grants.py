"""A grant that is kept as bytes is found as it was, whatever its token looks like."""

import itertools
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.acs import Grant
from shared.identity.packed_grants import packed, unpacked

SCOPES, MINUTES = frozenset({"voip", "chat"}), 60
AT = datetime(2026, 11, 29, 12, 30, 15, 123456, tzinfo=UTC)
ALPHABET = string.ascii_letters + string.digits + "-_"

parts = st.text(ALPHABET, max_size=40)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


def grant_of(token: str, asked_at: datetime = AT) -> Grant:
    return Grant(token, asked_at + timedelta(hours=1), SCOPES, MINUTES, asked_at)


@given(st.tuples(parts, parts, parts), times)
def test_it_is_unpacked_as_it_was(token: tuple[str, str, str], asked_at: datetime) -> None:
    grant = grant_of(".".join(token), asked_at)

    content = packed(grant)

    assert content is not None
    assert unpacked(content, SCOPES, MINUTES) == grant


@given(st.text(ALPHABET + ".=+/ \nä🙂", max_size=12))
def test_a_token_of_any_form_is_never_changed(token: str) -> None:
    grant = grant_of(token)

    content = packed(grant)

    assert content is None or unpacked(content, SCOPES, MINUTES) == grant


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b",
        "a.b.c.d",
        "a+.b.c",
        "a/.b.c",
        "YQ==.b.c",
        "a.b.B=",
        "..Zh==",
        "ab==..",
        "a.=.b",
        "a. .c",
        "ä.b.c",
        "🙂.b.c",
    ],
)
def test_another_form_is_not_packed(token: str) -> None:
    assert packed(grant_of(token)) is None


def test_every_length_of_a_part_is_packed() -> None:
    for lengths in itertools.product(range(6), repeat=3):
        grant = grant_of(".".join("_" * length for length in lengths))
        content = packed(grant)
        assert content is not None
        assert unpacked(content, SCOPES, MINUTES) == grant


def test_a_token_that_is_too_long_to_be_packed_is_not() -> None:
    assert packed(grant_of(f"{'a' * 70_000}.b.c")) is None


def test_it_takes_a_fifth_less_than_the_text_of_the_token() -> None:
    token = f"{'h' * 143}.{'c' * 377}.{'s' * 342}"

    content = packed(grant_of(token))

    assert content is not None
    assert len(content) < 0.8 * len(token)
