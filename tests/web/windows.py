"""A window of the page, as a person uses it."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

# A window that is busy with others' pictures on two cores is slow.
SECONDS = 60
PICTURE_FRAMES = 10

# How many frames of them a <video> has shown, and how many colours are in the one it shows now.
_PICTURE = """(video) => {
  const canvas = document.createElement("canvas");
  canvas.width = 64;
  canvas.height = 36;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    colours.add(`${pixels[at]} ${pixels[at + 1]} ${pixels[at + 2]}`);
  }
  const quality = video.getVideoPlaybackQuality();
  return { colours: colours.size, shown: quality.totalVideoFrames };
}"""

# Keeps the connections of a page, so that a test can ask them for their figures.
KEEP_CONNECTIONS = """
  const connections = (window.connections = []);
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
      super(...options);
      connections.push(this);
    }
  };
"""

# From now on connections find no way to another window, as those of a browser that is offline.
FIND_NO_WAY = """() => {
  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor() {
      super({ iceTransportPolicy: "relay" });
    }
  };
}"""

# Keeps the sounds that a page plays, and what it has the browser's voice say: a browser without a
# screen has no voice, and no loudspeaker.
KEEP_SOUNDS = """
  const sounds = (window.sounds = []);
  const spoken = (window.spoken = []);
  const Sound = window.Audio;
  window.Audio = function (...options) {
    const sound = new Sound(...options);
    sounds.push(sound);
    return sound;
  };
  const speak = speechSynthesis.speak.bind(speechSynthesis);
  speechSynthesis.speak = (words) => {
    spoken.push({ text: words.text, locale: words.lang });
    speak(words);
  };
"""

# The least number of frames that a connection which is still open has decoded, and of bytes of
# sound that it has received. Null: there are fewer connections than that.
_RECEIVED = """async (wanted) => {
  const open = window.connections.filter(({ connectionState }) => connectionState === "connected");
  if (open.length < wanted) return null;
  const received = [];
  for (const connection of open) {
    const figures = [...(await connection.getStats()).values()];
    const of = (kind) => figures.find((one) => one.type === "inbound-rtp" && one.kind === kind);
    received.push([of("video")?.framesDecoded ?? 0, of("audio")?.bytesReceived ?? 0]);
  }
  return received;
}"""


@dataclass(frozen=True)
class Window:
    """One tab with a sign-in of its own. `told`: the warnings and errors on its console."""

    name: str
    page: Page
    told: list[str]

    @property
    def call(self) -> Locator:
        return self.page.get_by_role("region", name="Call", exact=True)

    def section(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def tile(self, name: str) -> Locator:
        return self.call.get_by_role("figure", name=name, exact=True)

    def press(self, name: str, where: Locator | None = None) -> None:
        (where or self.page).get_by_role("button", name=name, exact=True).click()

    def sign_in(self, address: str) -> None:
        self.page.goto(address)
        self.press("Sign in")
        self.press(self.name)
        self.expect_connected()

    def expect_connected(self) -> None:
        # Calls can be made once the window has said hello to the plane.
        expect(self.section("Bots").get_by_role("button")).to_be_enabled()

    def befriend(self, other: "Window", user_id: str) -> None:
        """Ask the other window's person, who is `user_id`, and let them accept."""
        friends = self.section("Friends")
        friends.get_by_label("Their user id").fill(user_id)
        self.press("Ask", friends)
        other.press("Accept", other.section("Friends"))
        self.expect_friend(other.name)

    def expect_friend(self, name: str) -> None:
        expect(self._row(name).get_by_role("button", name="Call", exact=True)).to_be_enabled()

    def ring(self, friend: "Window") -> None:
        self.press("Call", self._row(friend.name))

    def _row(self, friend: str) -> Locator:
        return self.section("Friends").get_by_role("listitem").filter(has_text=friend)

    def answer(self, caller: str) -> None:
        ringing = self.page.get_by_role("alert").filter(has_text=f"{caller} is calling")
        ringing.get_by_role("button", name="Answer").click()

    def leave(self) -> None:
        self.press("Leave", self.call)

    def expect_state(self, state: str) -> None:
        expect(self.call).to_have_attribute("data-state", state)

    def expect_to_see_and_hear(self, *others: str) -> None:
        """The pictures of these people come in, decoded and with colours, and their sound does."""
        for name in others:
            video = self.tile(name).locator("video")
            expect(video).to_be_visible()
            self._until(lambda video=video: _shows(video.evaluate(_PICTURE)), f"{name}'s picture")
        self._until(lambda: self._receives(len(others)), "frames and sound")

    def _receives(self, others: int) -> bool:
        received: list[list[int]] | None = self.page.evaluate(_RECEIVED, others)
        return received is not None and all(
            frames >= PICTURE_FRAMES and sound > 0 for frames, sound in received
        )

    def _until(self, holds: Any, what: str) -> None:
        for _ in range(SECONDS * 5):
            if holds():
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"{self.name} waits for {what}; the console: {self.told}")


def _shows(picture: dict[str, int]) -> bool:
    return picture["colours"] > 5 and picture["shown"] >= PICTURE_FRAMES
