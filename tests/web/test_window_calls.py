"""A window hears the sounds that an app plays, finds a call full, and waits in a lobby."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.devstack.commands.dev_process import DevRun, until
from tests.web.conftest import Open
from tests.web.service import befriend, calling_token, inspect_calling, send
from tests.web.windows import SECONDS

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

CAROL, DAVE = "Carol Clark", "Dave Davis"
HOST = "erin"  # has no window, so that no other test finds her calls in its lists
CALLS, MEETINGS = "Calls.Manage", "Meetings.Schedule"
WORDS = "The library closes at six today. Please bring your books to the desk."

# Whether the page plays a sound at this moment, and says so.
_PLAYS = """() =>
  sounds.some((sound) => sound.currentTime > 0 && !sound.paused && sound.error === null) &&
  document.querySelector("[aria-label=Call]").innerText.includes("A recording is played.")
"""
# The loudest that is in a file, of 1.
_PEAK = """async (url) => {
  const file = await (await fetch(url)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(file);
  return sound.getChannelData(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
}"""
# Windows of others in a group call, without a page.
_FILL = """([plane, groupId, tokens]) =>
  Promise.all(
    tokens.map((token) => new Promise((connected, failed) => {
      const socket = new WebSocket(plane);
      const say = (message) => socket.send(JSON.stringify(message));
      socket.onopen = () => say({ type: "hello", token });
      socket.onclose = ({ code, reason }) => failed(new Error(`${code} ${reason}`));
      socket.onmessage = ({ data }) => {
        const { type, state } = JSON.parse(data);
        if (type === "welcome") say({ type: "join", groupId });
        if (type === "call" && state === "connected") connected();
      };
    })),
  )
"""


def test_what_an_app_plays_is_spoken_or_played_in_the_window_under_its_policy(
    page_stack: DevRun, window: Open
) -> None:
    dave = window(DAVE)
    placed = send(page_stack, "app", "POST", "/calls", {"to": [{"user": "dave"}]}, CALLS)
    path = f"/calls/{placed['id']}"
    dave.press("Answer")
    dave.expect_state("connected")
    until(
        lambda: send(page_stack, "app", "GET", path, None, CALLS)["state"] == "connected",
        SECONDS,
        "connected for the app",
    )

    announced = {"text": WORDS, "voice": "en-GB-RyanNeural"}
    send(page_stack, "app", "POST", f"{path}/play", announced, CALLS)
    expect(dave.call).to_contain_text(f"You hear: {WORDS}")
    assert [one["text"] for one in dave.page.evaluate("spoken")] == [WORDS]
    expect(dave.call).not_to_contain_text("You hear:")

    # The stack fetches no file from elsewhere: a tone of a second is heard in its place.
    tune = {"url": "https://audio.example.com/tune.wav", "loop": True}
    send(page_stack, "app", "POST", f"{path}/play", tune, CALLS)
    dave.page.wait_for_function(_PLAYS)
    heard, length = dave.page.evaluate("[sounds[0].currentSrc, sounds[0].duration]")
    assert heard.startswith(f"{page_stack.stack['acs']}/_emulator/calling/files/")
    assert length == pytest.approx(1)
    assert dave.page.evaluate(_PEAK, heard) > 0.05

    send(page_stack, "app", "DELETE", path, None, CALLS)
    expect(dave.page.get_by_text("The call was ended for everybody.")).to_be_visible()
    assert dave.page.evaluate("sounds.every((sound) => sound.paused)")


def test_the_sixth_window_is_refused_in_words(page_stack: DevRun, window: Open) -> None:
    befriend(page_stack, HOST, "dave")
    dave = window(DAVE)
    group = str(uuid.uuid4())
    shared = {"groupId": group, "title": "Full house", "audience": {"friends": True}}
    send(page_stack, HOST, "POST", "/groupCalls", shared)
    plane = page_stack.stack["acs"].replace("http:", "ws:") + "/_emulator/calling"
    tokens = [calling_token(page_stack, f"guest{number}") for number in range(5)]
    dave.page.evaluate(_FILL, [plane, group, tokens])

    dave.press("Join Full house")

    expect(dave.section("Group calls")).to_contain_text(
        "5 windows are in this call already. Each sends to each, so there can be no more."
    )
    expect(dave.call).to_be_hidden()


def test_a_window_waits_in_the_lobby_of_a_meeting_until_it_is_admitted(
    page_stack: DevRun, window: Open
) -> None:
    befriend(page_stack, HOST, "dave")
    starts = datetime.now(UTC) + timedelta(days=1)
    wanted = {
        "externalId": "review",
        "subject": "Review",
        "startsAt": starts.isoformat(),
        "endsAt": (starts + timedelta(hours=1)).isoformat(),
        "audience": {"friends": True},
    }
    made = send(page_stack, HOST, "POST", "/meetings", wanted, MEETINGS)
    link = {"meetingLink": made["locator"]["meetingLink"]}
    dave = window(DAVE)

    dave.press("Join Review")
    dave.expect_state("lobby")
    expect(dave.call).to_contain_text("You are in the lobby. Somebody in the meeting lets you in.")
    inspect_calling(page_stack, "meetings", link | {"event": "teamsUserJoins", "name": "carol"})
    inspect_calling(page_stack, "meetings", link | {"event": "admits"})

    dave.expect_state("connected")
    expect(dave.tile(CAROL)).to_be_visible()
