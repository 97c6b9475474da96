"""The default run tries some of the cases that cost seconds each; `--soak` tries all."""

import pytest

from tests.support import sampling
from tests.support.sampling import take_few

CASES = list(range(13))


@pytest.fixture(params=[False, True])
def soak(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(sampling, "soak", request.param)
    return bool(request.param)


def test_every_case_is_tried_by_a_soak_and_one_in_three_by_default(soak: bool) -> None:
    few = take_few("some test")

    assert few(CASES) == take_few("some test")(CASES)
    assert few(CASES) == CASES if soak else len(few(CASES)) in (4, 5)
    assert set(few(CASES)) <= set(CASES)


def test_tests_that_share_their_cases_begin_at_different_ones() -> None:
    begun = {take_few(f"test {n}")(CASES)[0] for n in range(20)}

    assert begun == {0, 1, 2}
