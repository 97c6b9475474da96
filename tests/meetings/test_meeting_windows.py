"""A window joins a meeting that the service has scheduled, by the link of the invitation."""

from tests.meetings.test_meetings import SCHEDULER, schedule
from tests.support.control import Control
from tests.support.people import People, befriend
from tests.support.stack import Host
from tests.support.stack_windows import OpenWindow, window_of

__all__ = ["window_of"]


async def test_a_friend_waits_in_the_lobby_of_a_scheduled_meeting_until_they_are_admitted(
    one_host: Host, people: People, acs: Control, window_of: OpenWindow
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    alice.sign_in(*SCHEDULER)
    made = await schedule(alice, "visit")
    assert made.status == 201, made
    link = (await bob.open(made.json["id"])).json["locator"]["meetingLink"]
    window = await window_of(bob)

    await window.send("join", meetingLink=link)

    await window.state("lobby")
    for event in ("teamsUserJoins", "admits"):
        await acs.post("calling/meetings", {"meetingLink": link, "event": event, "name": "dave"})
    call = await window.next("call", lambda one: one["state"] == "connected")
    names = {one["displayName"] for one in call["participants"]}
    assert names == {"Dave Davis", bob.name}
