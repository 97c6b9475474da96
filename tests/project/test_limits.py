"""Each limit is met: as many as it allows pass, and one more is refused with the code of the
page."""

import pytest

from shared.bounds import Limit
from tests.project.limits_met import Meet
from tests.project.stored_limits_met import MET

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize(("limit", "meet"), MET.values(), ids=MET)
async def test_what_a_limit_allows_passes_and_one_more_is_refused(limit: Limit, meet: Meet) -> None:
    met = await meet(limit)
    for _ in range(met.allowed):
        await met.ask()

    with pytest.raises(limit.problem) as refused:
        await met.ask()

    assert refused.type.code == limit.problem.code
    assert met.refusal in str(refused.value)
