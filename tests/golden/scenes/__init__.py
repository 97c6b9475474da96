"""Scenes: people do what they do, hosts die on the way, and rows are left to be recorded.

Each has people of its own, so that its rows are nobody else's.
"""

from collections.abc import Awaitable, Callable

from tests.golden.scenes.abandoned_calls import give_up_a_call
from tests.golden.scenes.accounts import call_as_accounts
from tests.golden.scenes.afternoon import do_the_same_later
from tests.golden.scenes.agents import add_agents
from tests.golden.scenes.bot_calls import answer_calls_to_bots
from tests.golden.scenes.bot_places import keep_places_of_bots
from tests.golden.scenes.bots import register_bots
from tests.golden.scenes.calls import place_calls
from tests.golden.scenes.crowded_accounts import crowd_an_account
from tests.golden.scenes.crowded_calls import crowd_a_call
from tests.golden.scenes.friends import make_friends
from tests.golden.scenes.identities import enrol_people
from tests.golden.scenes.interrupted import die_half_way
from tests.golden.scenes.live_calls import take_places_of_calls
from tests.golden.scenes.meeting_marks import mark_a_meeting_and_die
from tests.golden.scenes.meetings import schedule_meetings
from tests.golden.scenes.places import take_places
from tests.golden.scenes.quiet_calls import ask_about_a_quiet_call
from tests.golden.scenes.recordings import record_calls
from tests.golden.scenes.settled import settle_calls
from tests.golden.scenes.sharing import share_calls
from tests.golden.stage import Stage

SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "identities": enrol_people,
    "friends": make_friends,
    "sharing": share_calls,
    "meetings": schedule_meetings,
    "calls": place_calls,
    "bot_calls": answer_calls_to_bots,
    "afternoon": do_the_same_later,
    "interrupted": die_half_way,
    "places": take_places,
    "quiet_calls": ask_about_a_quiet_call,
    "crowded_calls": crowd_a_call,
    "live_calls": take_places_of_calls,
    "recordings": record_calls,
    "settled": settle_calls,
    "accounts": call_as_accounts,
    "agents": add_agents,
    "abandoned_calls": give_up_a_call,
    "bots": register_bots,
    "crowded_accounts": crowd_an_account,
    "bot_places": keep_places_of_bots,
    "meeting_marks": mark_a_meeting_and_die,
}
