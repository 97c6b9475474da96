"""People in windows of the page call each other, through a stack and no Azure."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.devstack.commands.dev_process import DevRun
from tests.web.conftest import Open
from tests.web.pictures import draw_cameras, side_by_side
from tests.web.service import befriend
from tests.web.windows import FIND_NO_WAY

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

ALICE, BOB, CAROL = "Alice Adams", "Bob Brown", "Carol Clark"


def test_two_people_become_friends_ring_and_see_and_hear_each_other(
    window: Open, pictures: Path | None
) -> None:
    alice, bob = window(ALICE), window(BOB)
    alice.befriend(bob, "bob")
    if pictures is not None:
        draw_cameras(alice.page, bob.page)

    alice.ring(bob)
    bob.answer(ALICE)

    alice.expect_to_see_and_hear(BOB)
    bob.expect_to_see_and_hear(ALICE)
    if pictures is not None:
        side_by_side(alice.page, bob.page, pictures / "two-windows.png")

    bob.press("Mute", bob.call)
    expect(alice.tile(BOB).get_by_label("muted")).to_be_visible()
    bob.press("Camera off", bob.call)
    expect(alice.tile(BOB).locator("video")).to_be_hidden()
    bob.press("Camera on", bob.call)
    alice.expect_to_see_and_hear(BOB)
    bob.leave()
    expect(alice.page.get_by_text("The others have left the call.")).to_be_visible()
    expect(bob.page.get_by_text("You left the call.")).to_be_visible()


def test_a_person_who_declines_is_not_called_any_more(page_stack: DevRun, window: Open) -> None:
    befriend(page_stack, "alice", "bob")
    alice, bob = window(ALICE), window(BOB)

    alice.ring(bob)
    alice.expect_state("ringing")
    bob.press("Decline")

    expect(alice.page.get_by_text("The call was declined.")).to_be_visible()
    expect(bob.page.get_by_role("button", name="Answer")).to_be_hidden()


def test_three_see_each_other_in_a_group_call_also_after_it_was_unshared(
    page_stack: DevRun, window: Open
) -> None:
    befriend(page_stack, "alice", "bob", "carol")
    alice, bob, carol = window(ALICE), window(BOB), window(CAROL)
    calls = alice.section("Group calls")
    calls.get_by_label("What it is about").fill("Coffee")

    alice.press("Start", calls)
    for guest in (bob, carol):
        guest.press("Join Coffee")
    alice.expect_to_see_and_hear(BOB, CAROL)
    bob.expect_to_see_and_hear(ALICE, CAROL)
    carol.expect_to_see_and_hear(ALICE, BOB)

    alice.leave()
    alice.press("Unshare Coffee")
    told = alice.page.get_by_role("dialog")
    expect(told).to_contain_text("knows its group id and can still join")
    alice.press("Unshare it", told)
    expect(alice.page.get_by_text("Nobody shares a call with you.")).to_be_visible()
    carol.expect_to_see_and_hear(BOB)


def test_people_who_are_offline_are_told_what_their_browser_needs(
    page_stack: DevRun, window: Open
) -> None:
    befriend(page_stack, "alice", "bob")
    alice, bob = window(ALICE), window(BOB)
    alice.page.evaluate(FIND_NO_WAY)

    alice.ring(bob)
    bob.answer(ALICE)

    for one in (alice, bob):
        expect(one.call).to_contain_text("start Chromium with --allow-loopback-in-peer-connection")


def test_a_revoked_token_closes_the_connection_and_the_page_says_so(window: Open) -> None:
    alice = window(ALICE)

    alice.press(ALICE)
    alice.page.get_by_role("menuitem", name="Disconnect all my windows").click()

    expect(alice.page.get_by_text("Your calling token is not good any more")).to_be_visible()
    expect(alice.section("Bots").get_by_role("button")).to_be_disabled()
    alice.press("Connect again")
    alice.expect_connected()


def test_the_stacks_bot_answers_and_its_key_1_connects_to_carol(window: Open) -> None:
    alice, carol = window(ALICE), window(CAROL)

    alice.press("Call the bot")
    expect(alice.call).to_contain_text("You hear: Welcome. For Carol press 1")
    [greeting] = alice.page.evaluate("spoken")
    assert greeting["text"].startswith("Welcome. For Carol press 1")
    expect(alice.call).not_to_contain_text("You hear:")  # now the bot listens
    alice.press("Keys", alice.call)
    alice.page.get_by_role("dialog").get_by_role("button", name="1", exact=True).click()
    alice.page.keyboard.press("Escape")
    carol.page.get_by_role("alert").get_by_role("button", name="Answer").click()

    alice.expect_to_see_and_hear(CAROL)
    carol.expect_to_see_and_hear(ALICE)


def test_a_bot_that_nobody_has_registered_is_told_with_the_way_out(window: Open) -> None:
    alice = window(ALICE)
    bots = alice.section("Bots")
    bots.get_by_role("textbox").fill("nobody's")

    alice.press("Call the bot", bots)

    expect(bots).to_contain_text("There is no bot “nobody's”.")
