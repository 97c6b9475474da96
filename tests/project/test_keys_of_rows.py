"""Keys of rows: safe whatever a part holds, and never shared by different parts."""

import re

import pytest

from shared.keys import key

ODD = ["", "a/b", "a\\b", "#?", "%2F", "'", "\x00\x1f\x7f", "😀", "x" * 256, "a|b", "~", "A"]


@pytest.mark.parametrize("part", ODD)
def test_a_key_holds_nothing_that_table_storage_forbids(part: str) -> None:
    assert re.fullmatch("[0-9a-f]{64}", key("user", part))


def test_different_parts_have_different_keys() -> None:
    keys = {key("user", part) for part in ODD} | {key("bot", part) for part in ODD}

    assert len(keys) == 2 * len(ODD)


def test_a_character_cannot_move_from_one_part_to_the_next() -> None:
    assert (
        len({key("ab", "c"), key("a", "bc"), key("abc"), key("a", "b", "c"), key("abc", "")}) == 5
    )


def test_a_key_stays_what_it_was() -> None:
    # Stored rows are found by it: a change here loses everybody's identity.
    assert key("identity of", "user", "https://issuer.example", "alice") == (
        "5b299ee395cfc6de08002a73290184e4a360ea74ff4e58b5f086bff321b5ae2c"
    )
