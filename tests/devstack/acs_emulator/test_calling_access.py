"""The tokens with which a window may connect to the calling plane, and for how long."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.devstack.acs_emulator.acs_fixtures import emulator, issuer, running_emulator
from tests.devstack.acs_emulator.call_fixtures import CallsCaller, calls
from tests.devstack.acs_emulator.window_fixtures import PATH, Windows, windows
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["calls", "emulator", "issuer", "windows"]

PAGE = "http://localhost:3000"
ALICE = "8:acs:alice"


async def test_a_window_with_a_token_is_welcome_also_over_tls(windows: Windows) -> None:
    user = await windows.person()
    token = await windows.calls.issue(user, scopes=["chat", "voip"])
    window = await windows.socket(tls=True, origin=PAGE)

    await window.send("hello", token=token, displayName="Alice")

    welcome = await window.next("welcome")
    assert welcome["user"] == user
    assert welcome["scopes"] == ["chat", "voip"]
    assert welcome["expiresAt"] > time.time()
    seen = (await windows.calls.inspect("GET", "calling/windows")).json["windows"]
    assert [one["user"] for one in seen if one["window"] == welcome["window"]] == [user]
    assert not any("token" in key.lower() for one in seen for key in one)


@pytest.mark.parametrize("broken", ["garbage", "other key", "chat only", "revoked", "deleted"])
async def test_no_other_token_opens_it(windows: Windows, issuer: TokenIssuer, broken: str) -> None:
    calls, user = windows.calls, await windows.person()
    token = await calls.issue(user, scopes=["chat" if broken == "chat only" else "voip"])
    if broken == "garbage":
        token = "garbage"
    if broken == "other key":
        token = issuer.token(skypeid=user.removeprefix("8:"), acsScope="voip", jti="1")
    if broken == "revoked":
        await calls.call("POST", f"/identities/{user}/:revokeAccessTokens")
    if broken == "deleted":
        await calls.call("DELETE", f"/identities/{user}")
    window = await windows.socket()

    await window.send("hello", token=token)

    code, text = await window.closed()
    assert code == 4401
    assert text
    assert window.came == []


@pytest.mark.parametrize("first", ["", "[]", '{"type": "join"}', '{"type": "hello"}', "{" * 9999])
async def test_the_first_message_is_a_hello(windows: Windows, first: str) -> None:
    window = await windows.socket()

    await window.socket.send_str(first)

    assert (await window.closed())[0] == 4401


async def test_a_token_in_the_url_opens_nothing(windows: Windows) -> None:
    """It would be in logs. Nobody says hello for five seconds."""
    token = await windows.calls.issue(await windows.person(), scopes=["voip"])
    url = f"{windows.calls.emulator.url}{PATH}?token={token}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        received = await socket.receive(timeout=15)

    assert received.type is aiohttp.WSMsgType.CLOSE
    assert (socket.close_code, received.extra) == (4401, "No token came in 5 seconds.")


async def test_a_page_from_elsewhere_is_told_by_the_code(windows: Windows) -> None:
    for origin in ("https://evil.example", "null"):
        window = await windows.socket(origin=origin)

        assert (await window.closed())[0] == 4403


@pytest.mark.parametrize("how", ["revoke", "delete"])
async def test_a_revocation_closes_every_window_of_the_person(windows: Windows, how: str) -> None:
    alice = await windows.open()
    second = await windows.open(alice.user)
    bob = await windows.open()
    await windows.group(alice, bob)

    if how == "revoke":
        path = f"/identities/{alice.user}/:revokeAccessTokens"
        assert (await windows.calls.call("POST", path)).status == 204
    else:
        assert (await windows.calls.call("DELETE", f"/identities/{alice.user}")).status == 204

    for window in (alice, second):
        assert await window.closed() == (4401, "The token was revoked.")
    await bob.state("connected", bob.user)


async def test_a_token_ends_the_connection_when_it_expires_unless_it_is_renewed(
    windows: Windows, issuer: TokenIssuer
) -> None:
    """Teams users' tokens end with those of Entra, so they can be short."""

    async def token(oid: str, seconds: int) -> str:
        exp = int(time.time()) + seconds
        entra = issuer.token(appid="app", oid=oid, exp=exp, aud="anything")
        body = {"token": entra, "appId": "app", "userId": oid}
        answer = await windows.calls.call("POST", "/teamsUser/:exchangeAccessToken", body)
        assert answer.status == 200, answer
        return str(answer.json["token"])

    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    renewed = await windows.welcomed(await token(one, 4), f"8:orgid:{one}")
    forgetful = await windows.welcomed(await token(other, 4), f"8:orgid:{other}")

    await renewed.send("token", token=await token(one, 600))

    welcome = await renewed.next("welcome")
    assert welcome["window"] == renewed.id
    assert welcome["expiresAt"] > time.time() + 500
    assert await forgetful.closed() == (4401, "The token has expired.")
    await renewed.settled()


async def test_the_token_of_somebody_else_renews_nothing(windows: Windows) -> None:
    alice = await windows.open()
    token = await windows.calls.issue(await windows.person(), scopes=["voip"])

    await alice.send("token", token=token)

    assert await alice.closed() == (4401, "The token is another user's.")


async def test_voip_join_joins_and_answers_and_cannot_call(windows: Windows) -> None:
    alice, bob = await windows.open(), await windows.open(scopes=("voip.join",))

    assert await bob.refusal("call", to=alice.user) == "scope"
    await windows.group(bob)
    await bob.send("leave")
    await windows.direct(alice, bob)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "what"},
        {"type": "join"},
        {"type": "join", "groupId": "g"},
        {"type": "join", "groupId": str(uuid.uuid4()), "meetingLink": "https://x.example"},
        {"type": "call", "to": "bob"},
        {"type": "call", "to": "4:12"},
        {"type": "call", "to": ALICE},
        {"type": "answer", "ring": "r", "accept": "yes"},
        {"type": "press", "key": "11"},
        {"type": "signal", "to": "x", "data": "sdp"},
        {"type": "signal", "to": "x", "data": {"sdp": float("nan")}},
        {"type": "mute", "muted": None},
        {"type": "hello", "token": "again"},
        {"id": "x" * 65, "type": "leave"},
    ],
)
async def test_a_message_that_is_none_is_refused_in_words(
    windows: Windows, wrong: dict[str, Any]
) -> None:
    window = await windows.open()

    await window.socket.send_str(json.dumps(wrong).replace(ALICE, window.user))

    refused = await window.next("refused")
    assert refused["code"] == "badMessage"
    assert refused["re"] == wrong.get("type")
    await windows.group(window)  # and the connection goes on


async def test_a_frame_that_is_too_long_ends_the_connection(windows: Windows) -> None:
    window = await windows.open()

    await window.send("signal", to="x", data={"sdp": "x" * 256 * 1024})

    assert (await window.closed())[0] == 1009


async def test_windows_are_closed_when_the_emulator_stops(
    tmp_path: Path, issuer: TokenIssuer
) -> None:
    with running_emulator(tmp_path, issuer.url) as running:
        async with aiohttp.ClientSession() as session:
            caller = CallsCaller(session, running)
            token = await caller.issue(await caller.create(), scopes=["voip"])
            async with session.ws_connect(running.url + PATH) as socket:
                await socket.send_json({"type": "hello", "token": token})
                await socket.receive()

                assert running.stop() == 0

                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
                assert socket.close_code == 1012
