"""Files that apps play, where the emulator is told to fetch them as Azure does."""

import pytest

from tests.devstack.acs_emulator.acs_fixtures import issuer
from tests.devstack.acs_emulator.call_fixtures import (
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)
from tests.devstack.acs_emulator.file_fixtures import FileServer, emulator, files, wav

__all__ = ["calls", "emulator", "files", "issuer", "receiver"]

NOWHERE = "http://127.0.0.1:9/a.wav"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(wav(), id="wav"),
        pytest.param(b"ID3\x04\x00\x00\x00\x00\x00\x00", id="mp3"),
        pytest.param(wav(frames=1_000_000), id="two megabytes"),
        pytest.param(None, id="without an end"),
    ],
)
async def test_a_file_that_azure_plays_is_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, content: bytes | None
) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.play(connection, files.put("/good.wav", content))

    await receiver.event("PlayCompleted")
    assert files.asked == ["/good.wav"]


@pytest.mark.parametrize(
    ("content", "sub_code"),
    [
        pytest.param(b"<html>not here</html>", 8535, id="a page"),
        pytest.param(b"", 8535, id="nothing"),
        pytest.param(wav(channels=2), 8535, id="stereo"),
        pytest.param(wav(rate=8_000), 8535, id="8 kHz"),
        pytest.param(wav(width=1), 8535, id="8 bits"),
        pytest.param(wav()[:20], 8535, id="cut off"),
    ],
)
async def test_a_file_in_another_format_is_not_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, content: bytes, sub_code: int
) -> None:
    connection = await calls.connected(receiver, PHONE)

    await calls.play(connection, files.put("/bad.wav", content))

    failed = await receiver.event("PlayFailed")
    assert failed["data"]["resultInformation"]["subCode"] == sub_code
    assert failed["data"]["failedPlaySourceIndex"] == 0
    assert "PlayStarted" not in receiver.names


@pytest.mark.parametrize("is_there", [False, True])
async def test_a_file_that_cannot_be_fetched_is_not_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer, *, is_there: bool
) -> None:
    connection = await calls.connected(receiver, PHONE)
    sources = [files.put("/good.wav", wav()), f"{files.url}/absent.wav" if is_there else NOWHERE]
    body = {"playSources": [{"kind": "file", "file": {"uri": url}} for url in sources]}

    await calls.ask("POST", f"/{connection}:play", body)

    failed = await receiver.event("PlayFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8536
    assert failed["data"]["failedPlaySourceIndex"] == 1
    assert receiver.names[-2:] == ["PlayStarted", "PlayFailed"]


async def test_a_file_that_has_moved_is_played(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.put("/good.wav", wav())

    await calls.play(connection, f"{files.url}/moved.wav")

    await receiver.event("PlayCompleted")


async def test_a_file_that_is_being_fetched_can_be_canceled(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.opened.clear()
    await calls.play(connection, files.put("/good.wav", wav()))
    await files.waiting.wait()

    await calls.ask("POST", f"/{connection}:cancelAllMediaOperations")

    await receiver.event("PlayCanceled")
    assert "PlayStarted" not in receiver.names


async def test_a_prompt_that_cannot_be_fetched_ends_a_recognition(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    prompt = {"kind": "file", "file": {"uri": NOWHERE}}

    await calls.recognize(connection, playPrompts=[prompt])

    failed = await receiver.event("RecognizeFailed")
    assert failed["data"]["resultInformation"]["subCode"] == 8511


async def test_nothing_fails_for_a_participant_who_leaves_while_their_music_is_fetched(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    files.opened.clear()
    music = {"kind": "file", "file": {"uri": f"{files.url}/absent.wav"}}
    await calls.ask(
        "POST", f"/{connection}:hold", {"targetParticipant": phone(), "playSourceInfo": music}
    )
    await files.waiting.wait()
    await calls.ask("DELETE", f"/{connection}")
    await receiver.event("CallDisconnected")
    receiver.events.clear()

    files.opened.set()
    other = await calls.connected(receiver, PHONE)
    await calls.play(other, files.put("/good.wav", wav()))

    await receiver.event("PlayCompleted")
    assert "HoldFailed" not in receiver.names


async def test_what_a_test_says_of_a_file_counts_more(
    calls: CallsCaller, receiver: Receiver, files: FileServer
) -> None:
    connection = await calls.connected(receiver, PHONE)
    url = files.put("/good.wav", wav())
    await calls.far_ends(sources={url: "badFormat"})

    await calls.play(connection, url)

    await receiver.event("PlayFailed")
    assert files.asked == []
