"""A request for something that is not emulated is refused by name, and never ignored in silence."""

import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer
from tests.devstack.acs_emulator.call_fixtures import (
    CALLS_VERSION,
    OTHER_PHONE,
    PHONE,
    CallsCaller,
    Receiver,
    calls,
    phone,
    receiver,
)

__all__ = ["calls", "emulator", "issuer", "receiver"]


async def test_details_of_teams_phone_calls_are_not_emulated(
    calls: CallsCaller, receiver: Receiver
) -> None:
    connection = await calls.connected(receiver, PHONE)
    context = {"voipHeaders": {}, "teamsPhoneCallDetails": {"callTopic": "billing"}}
    refused = await calls.add(connection, OTHER_PHONE, customCallingContext=context)
    assert refused.error[:2] == (501, "NotEmulated")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/chat/threads", "Chat"),
        ("GET", "/chat/threads/19:any@thread.v2/messages", "Chat"),
        ("POST", "/rooms", "Rooms"),
        ("PATCH", "/rooms/99440204096132370", "Rooms"),
        ("POST", "/sms", "SMS"),
        ("GET", "/phoneNumbers", "Phone numbers"),
        ("POST", "/availablePhoneNumbers/countries/US/:search", "Phone numbers"),
    ],
)
async def test_what_microsoft_retires_says_so(
    calls: CallsCaller, method: str, path: str, name: str
) -> None:
    refused = await calls.send(method, f"{path}?api-version={CALLS_VERSION}", b"{}")

    assert refused.error[:2] == (501, "NotEmulated")
    assert refused.error[2].startswith(name)
    assert "Microsoft retires" in refused.error[2]


async def test_other_paths_are_not_there(calls: CallsCaller) -> None:
    for path in ("/smsx", "/roomservice", "/chats"):
        assert (await calls.send("GET", path, b"")).status == 404
    assert (await calls.ask("POST", "/any:unknown", {"targetParticipant": phone()})).status == 404
