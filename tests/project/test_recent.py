"""What a host remembers of people: what was used last stays, and never too much."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.recent import Recent

MOST = 6

keys = st.integers(0, 9)
uses = st.lists(st.tuples(st.sampled_from(["keep", "find", "forget"]), keys), max_size=60)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(uses=uses)
def test_the_half_that_was_used_last_is_remembered_and_never_more_than_the_most(
    uses: Sequence[tuple[str, int]],
) -> None:
    recent, kept, last_used = Recent[int, int](MOST), dict[int, int](), list[int]()
    for n, (use, key) in enumerate(uses):
        found = recent.find(key) if use == "find" else None
        if use == "keep":
            recent.keep(key, n)
            kept[key] = n
        elif use == "forget":
            recent.forget(key)
            kept.pop(key, None)
        elif key in last_used[: MOST // 2]:
            assert found == kept[key]
        else:
            assert found in (None, kept.get(key))
        if use != "find" or found is not None:
            last_used = [other for other in last_used if other != key]
        if use == "keep" or found is not None:
            last_used.insert(0, key)
        assert len(recent) <= MOST


@pytest.mark.parametrize("most", [2, 3, 10_000])
def test_a_key_that_is_used_again_and_again_is_never_forgotten(most: int) -> None:
    recent = Recent[str, int](most)
    recent.keep("regular", 1)
    for n in range(3 * most):
        recent.keep(f"once {n}", n)
        assert recent.find("regular") == 1
    assert recent.find("once 0") is None
    assert len(recent) <= most
