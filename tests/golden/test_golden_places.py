"""Places that killed requests have taken end; refused changes of meetings are undone; and the
owner's own id of a call leads to the meeting that was made for it."""

from datetime import timedelta

from shared.app import App
from shared.keys import principal_key
from shared.sharing.audiences import MOST_IN_SPACE
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import START, signed_in, user
from tests.golden.scenes.places import ATTIC, LOFT, PLAN, SCHEDULE
from tests.golden.scenes.sharing import group
from tests.support.control import Control

IN_ATTIC = "a9f5c292356c1821d13ca8746a5682b15610bfbf9ac9765c8466a84391829806"
TALK = "0e135febba3a2e04a194e5d97a58581771f7f329000f9edef2d1a56c5ccec358"
NEW = "eaa2942b89ddde3a90903dc7b5c898e6709dabd1a2494249420753706bfa5206"
SHARED = ("invitations", "sharedcalls")


async def test_a_place_that_a_killed_request_took_has_lapsed(app: App, changing: Changing) -> None:
    """In the attic there is one call, and room for nine."""
    changing(*SHARED)
    gundula = signed_in("gundula", "Gundula Gray")

    for number in range(30, 30 + MOST_IN_SPACE - 1):
        await app.group_calls.share(gundula, group(number), None, None, None, ATTIC)

    listed = await app.invitations.list_for(signed_in("hedwig"), "attic")
    assert len(listed) == MOST_IN_SPACE


async def test_a_call_that_was_shared_again_counts_on(app: App, changing: Changing) -> None:
    changing(*SHARED)
    gundula = signed_in("gundula", "Gundula Gray")
    before = await app.invitations.open(gundula, IN_ATTIC)

    after, _, is_new = await app.group_calls.share(gundula, group(21), "Third", None, None, ATTIC)

    assert (after.call_id, is_new) == (IN_ATTIC, False)
    assert after.revision > before.revision == (12 * 60 + 1) * 60 + _days_since_2020() * 24 * 3600


async def test_what_teams_refuses_goes_back_to_what_it_accepted(
    app: App, changing: Changing, graph: Control
) -> None:
    changing("meetings", *SHARED)
    gundula = signed_in("gundula", "Gundula Gray")
    assert (await app.invitations.open(gundula, TALK)).content.title == "Long talk"

    assert await app.shared_calls.take_back(TALK, await _change_of(app, TALK))
    assert not await app.shared_calls.take_back(NEW, await _change_of(app, NEW))

    opened = await app.invitations.open(gundula, TALK)
    assert (opened.content.title, opened.content.ends_at) == ("Talk", PLAN.ends_at)
    assert opened.details is not None
    assert opened.details.passcode == "xuWjvo"
    listed = await app.invitations.list_for(signed_in("hedwig"), LOFT.space)
    assert [one.call_id for one in listed] == [TALK, NEW]


async def test_an_owners_id_leads_to_its_meeting(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("meetings", *SHARED)
    owner = principal_key(user("gundula"))

    found = [
        await app.scheduled_meetings.find_or_make_id(owner, external_id, "0" * 64)
        for external_id in ("talk", "new", "another")
    ]

    assert found[:2] == [TALK, NEW]
    assert found[2] not in (TALK, NEW)
    exported = (await sign_in("gundula", SCHEDULE).export())["meetings"]
    assert {one["callId"] for one in exported} == {TALK, NEW}
    assert all(one["externalIdHash"].startswith("x-") for one in exported)


async def _change_of(app: App, call_id: str) -> str:
    record = await app.shared_calls.find(call_id)
    assert record is not None
    return record.change_id


def _days_since_2020() -> int:
    since = START - START.replace(year=2020, month=1, day=1)
    return since // timedelta(days=1)
