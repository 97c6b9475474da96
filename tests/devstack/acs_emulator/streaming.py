"""What tests of media streaming ask of a call."""

from typing import Any

from tests.devstack.acs_emulator.call_fixtures import PHONE, CallsCaller, Event, Receiver
from tests.devstack.acs_emulator.stream_fixtures import AppSocketServer, streaming
from tests.devstack.emulator_fixtures import Answer

FAST: dict[str, Any] = {"frameMs": 1, "playMs": 5, "secondMs": 5, "default": {"afterMs": 5}}


async def ask(calls: CallsCaller, connection: str, what: str, **body: object) -> Answer:
    return await calls.ask("POST", f"/{connection}:{what}MediaStreaming", body)


async def subscription(calls: CallsCaller, connection: str) -> Any:
    return (await calls.ask("GET", f"/{connection}")).json["mediaStreamingSubscription"]


def update_of(event: Event) -> dict[str, str]:
    update: dict[str, str] = event["data"]["mediaStreamingUpdate"]
    return update


async def streams(
    calls: CallsCaller, receiver: Receiver, sockets: AppSocketServer, **options: object
) -> str:
    """A call whose sound is streamed from its begin."""
    await calls.far_ends(**FAST)
    more = streaming(sockets, startMediaStreaming=True, **options)
    connection = await calls.connected(receiver, PHONE, **more)
    await receiver.event("MediaStreamingStarted")
    return connection
