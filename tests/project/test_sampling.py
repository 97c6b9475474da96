"""The default run tries some of the cases that cost seconds each; `--soak` tries all."""

import pytest

from tests.support import sampling
from tests.support.sampling import take_few

CASES = list(range(40))


@pytest.mark.parametrize(
    ("slow", "soak", "expected"),
    [(False, False, {1, 2}), (True, False, {13, 14}), (False, True, {40}), (True, True, {40})],
)
def test_a_soak_tries_every_case_a_slow_run_one_in_three_and_the_default_one_in_27(
    monkeypatch: pytest.MonkeyPatch, *, slow: bool, soak: bool, expected: set[int]
) -> None:
    monkeypatch.setattr(sampling, "slow", slow)
    monkeypatch.setattr(sampling, "soak", soak)

    tried = take_few("some test")(CASES)

    assert tried == take_few("some test")(CASES)
    assert len(tried) in expected
    assert set(tried) <= set(CASES)


def test_where_a_slow_run_takes_all_it_begins_with_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "slow", True)
    monkeypatch.setattr(sampling, "soak", False)

    assert take_few("some test", one_in_of_slow=1)(CASES) == CASES


@pytest.fixture
def by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "slow", False)
    monkeypatch.setattr(sampling, "soak", False)


@pytest.mark.usefixtures("by_default")
def test_tests_that_share_their_cases_begin_at_different_ones() -> None:
    begun = {take_few(f"test {n}")(CASES)[0] for n in range(400)}

    assert begun == set(range(sampling.ONE_IN))


@pytest.mark.usefixtures("by_default")
def test_some_case_is_tried_however_few_there_are() -> None:
    assert all(len(take_few(f"test {n}")([1, 2])) == 1 for n in range(20))


STEPS = [f"test[{step}]" for step in range(300)]


@pytest.mark.usefixtures("by_default")
def test_of_a_test_of_steps_the_default_run_has_a_third_and_at_least_one() -> None:
    assert [len(sampling.take_steps(STEPS[:number])) for number in (1, 2, 8, 300)] == [1, 1, 3, 100]
    assert sampling.take_steps(STEPS) < set(STEPS)


@pytest.mark.parametrize("flag", ["slow", "soak"])
@pytest.mark.usefixtures("by_default")
def test_of_a_test_of_steps_longer_runs_have_all(
    monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(sampling, flag, True)

    assert sampling.take_steps(STEPS) == set(STEPS)
