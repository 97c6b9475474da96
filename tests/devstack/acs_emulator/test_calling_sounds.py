"""What apps play is heard in windows, and lasts as long."""

import io
import wave

import aiohttp
import pytest

from devstack.acs_emulator.calling.lengths import UNKNOWN_SECONDS, file_seconds
from tests.devstack.acs_emulator.acs_fixtures import issuer
from tests.devstack.acs_emulator.call_fixtures import Receiver, calls, receiver, user
from tests.devstack.acs_emulator.file_fixtures import FileServer, emulator, files, wav
from tests.devstack.acs_emulator.window_fixtures import Window, Windows, windows

__all__ = ["calls", "emulator", "files", "issuer", "receiver", "windows"]

SPEECH = {"cognitiveServicesEndpoint": "https://speech.example.com"}
PAGE = "http://localhost:3000"


async def heard(windows: Windows, receiver: Receiver, *people: Window) -> str:
    """A call of an app with these windows; its connection."""
    users = [one.user for one in people]
    connection = await windows.calls.place(receiver, *users, callIntelligenceOptions=SPEECH)
    for window in people:
        await window.send("answer", ring=(await window.next("ring"))["ring"], accept=True)
        await window.state("connected")
    await receiver.until(lambda: len(receiver.named("ParticipantsUpdated")) >= len(users))
    return connection


async def test_a_file_comes_from_the_emulator_and_is_played_in_its_whole_length(
    windows: Windows, receiver: Receiver, files: FileServer
) -> None:
    alice = await windows.open()
    connection = await heard(windows, receiver, alice)
    content = wav(frames=4800)

    await windows.calls.play(connection, files.put("/hello.wav", content))

    play = await alice.next("play")
    assert (play["state"], play["source"], play["ms"]) == ("started", "file", 300)
    url, page = windows.calls.emulator.url + play["url"], {"Origin": PAGE}
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=page) as answer:
            assert (await answer.read(), answer.content_type) == (content, "audio/wav")
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        async with session.get(url, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403
    assert not receiver.named("PlayCompleted")
    assert (await alice.next("play"))["state"] == "ended"
    await receiver.event("PlayCompleted")


async def test_a_file_that_cannot_be_fetched_fails_and_is_not_heard(
    windows: Windows, receiver: Receiver, files: FileServer
) -> None:
    alice = await windows.open()
    connection = await heard(windows, receiver, alice)

    await windows.calls.play(connection, f"{files.url}/nothing.wav")

    failed = await receiver.event("PlayFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8536
    await alice.settled()
    assert not any(message["type"] == "play" for message in alice.came)


async def test_only_those_hear_it_to_whom_it_is_played_until_it_is_cancelled(
    windows: Windows, receiver: Receiver
) -> None:
    alice, bob = await windows.open(), await windows.open()
    connection = await heard(windows, receiver, alice, bob)
    ssml = {"kind": "ssml", "ssml": {"ssmlText": "<speak>One <b>two</b> three</speak>"}}
    body = {
        "playSources": [ssml],
        "playTo": [user(alice.user)],
        "playOptions": {"loop": True},
    }
    await windows.calls.ask("POST", f"/{connection}:play", body)
    play = await alice.next("play")
    assert (play["text"].split(), play["ms"]) == (["One", "two", "three"], 1200)

    await windows.calls.ask("POST", f"/{connection}:cancelAllMediaOperations")

    assert await alice.next("play") == {"type": "play", "play": play["play"], "state": "ended"}
    await receiver.event("PlayCanceled")
    await bob.settled()
    assert not any(message["type"] == "play" for message in bob.came)


def mp3(frames: int, *, version: int = 3) -> bytes:
    """Silent frames of layer III: 128 kbit/s at 44.1 kHz, or 80 kbit/s at 22.05 kHz."""
    tag = b"ID3\x04\0\0" + bytes([0, 0, 0, 10]) + bytes(10)
    header = (0x7FF << 21 | version << 19 | 3 << 16 | 9 << 12).to_bytes(4)
    length = {3: 417, 2: 261}[version]  # 144 * 128000 / 44100, and 72 * 80000 / 22050
    return tag + (header + bytes(length - 4)) * frames


def test_the_length_of_a_file_is_read_from_it() -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4 * 8000))

    assert file_seconds(sound.getvalue()) == pytest.approx(1)
    assert file_seconds(mp3(100)) == pytest.approx(100 * 1152 / 44_100)
    assert file_seconds(mp3(10, version=2)) == pytest.approx(10 * 576 / 22_050)


@pytest.mark.parametrize("content", [b"", b"ID3", b"RIFF", b"\xff" * 100, mp3(1)[:20], bytes(50)])
def test_a_file_without_a_length_lasts_a_second(content: bytes) -> None:
    assert file_seconds(content) == UNKNOWN_SECONDS
