"""The default run tries some of the cases that cost seconds each; `--soak` tries all."""

import pytest

from tests.support import sampling
from tests.support.sampling import take_few

CASES = list(range(13))


@pytest.mark.parametrize(
    ("slow", "soak", "expected"),
    [(False, False, {1, 2}), (True, False, {4, 5}), (False, True, {13}), (True, True, {13})],
)
def test_a_soak_tries_every_case_a_slow_run_one_in_three_and_the_default_one_in_nine(
    monkeypatch: pytest.MonkeyPatch, *, slow: bool, soak: bool, expected: set[int]
) -> None:
    monkeypatch.setattr(sampling, "slow", slow)
    monkeypatch.setattr(sampling, "soak", soak)

    tried = take_few("some test")(CASES)

    assert tried == take_few("some test")(CASES)
    assert len(tried) in expected
    assert set(tried) <= set(CASES)


@pytest.fixture
def by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "slow", False)
    monkeypatch.setattr(sampling, "soak", False)


@pytest.mark.usefixtures("by_default")
def test_tests_that_share_their_cases_begin_at_different_ones() -> None:
    begun = {take_few(f"test {n}")(CASES)[0] for n in range(60)}

    assert begun == set(range(sampling.ONE_IN))


@pytest.mark.usefixtures("by_default")
def test_some_case_is_tried_however_few_there_are() -> None:
    assert all(len(take_few(f"test {n}")([1, 2])) == 1 for n in range(20))
