"""An app's side of Call Automation, for tests: signed requests, and a real callback receiver.

Import the fixtures that you use by name, with `emulator` and `issuer` of acs_fixtures.
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

import aiohttp
import jwt
import pytest
from aiohttp import web

from devstack.well_known import (
    ACS_CALLBACK_ISSUER,
    ACS_CALLBACK_KEYS_PATH,
    ACS_CALLER_ID,
    ACS_RESOURCE_ID,
)
from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, AcsEmulator, signed_headers
from tests.devstack.emulator_fixtures import Answer, session_for

CALLS_VERSION = "2026-03-12"
CONNECTIONS = "/calling/callConnections"
PHONE = "4:+14255550123"
OTHER_PHONE = "4:+14255550124"
PREFIX = "Microsoft.Communication."
SECONDS = 10

type Event = dict[str, Any]


def user(raw_id: str) -> dict[str, Any]:
    return {"kind": "communicationUser", "communicationUser": {"id": raw_id}}


def phone(raw_id: str = PHONE) -> dict[str, Any]:
    return {"kind": "phoneNumber", "phoneNumber": {"value": raw_id.removeprefix("4:")}}


def how_they_ended(receiver: "Receiver") -> dict[str, tuple[int, int]]:
    """The code and the subcode with which each connection ended."""
    results = {
        event["data"]["callConnectionId"]: event["data"]["resultInformation"]
        for event in receiver.named("CallDisconnected")
    }
    return {id_: (result["code"], result["subCode"]) for id_, result in results.items()}


def name_of(event: Event) -> str:
    return str(event["type"]).removeprefix(PREFIX)


class Receiver:
    """Where callbacks arrive. Each is judged as an app has to judge it before it is taken.

    Args:
        key_of: finds the key for a token.
        answers: the statuses of the next answers; 200 once they are used up.
    """

    def __init__(self, key_of: Callable[[str], jwt.PyJWK]) -> None:
        self._key_of = key_of
        self.url = ""
        self.answers: list[int] = []
        self.events: list[Event] = []  # those taken, in the order of their arrival
        self.arrivals: list[tuple[str, str, int]] = []  # path, name and answer of all that came
        self.tokens: list[str] = []
        self.content_types: list[str] = []
        self._arrived = asyncio.Condition()
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    async def receive(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        jwt.decode(
            token,
            self._key_of(token),
            algorithms=["RS256"],
            audience=ACS_RESOURCE_ID,
            issuer=ACS_CALLBACK_ISSUER,
            options={"require": ["exp", "iss", "aud"]},
        )
        [event] = await request.json()
        status = self.answers.pop(0) if self.answers else 200
        async with self._arrived:
            self.tokens.append(token)
            self.content_types.append(request.content_type)
            self.arrivals.append((request.path, name_of(event), status))
            if status == 200:
                self.events.append(event)
            self._arrived.notify_all()
        await self._goes_on.wait()
        return web.Response(status=status)

    def pause(self) -> None:
        """Answer nothing before `go_on`, though what has arrived counts."""
        self._goes_on.clear()

    def go_on(self) -> None:
        self._goes_on.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS), self._arrived:
            await self._arrived.wait_for(condition)

    async def event(self, name: str, number: int = 1) -> Event:
        """The first (second, ...) event of that name, as soon as it is there."""
        await self.until(lambda: len(self.named(name)) >= number)
        return self.named(name)[number - 1]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if name_of(event) == name]

    @property
    def names(self) -> list[str]:
        return [name_of(event) for event in self.events]


class CallsCaller(AcsCaller):
    """Signs and sends single requests of Call Automation."""

    async def ask(
        self,
        method: str,
        path: str = "",
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        version: str = CALLS_VERSION,
        raw: bytes | None = None,
    ) -> Answer:
        """A request below callConnections."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        target = f"{CONNECTIONS}{path}?api-version={version}"
        given = signed_headers(method, target, f"127.0.0.1:{self.emulator.port}", content)
        given["Content-Type"] = "application/json"
        return await self.send(method, target, content, headers=given | (headers or {}))

    async def place(self, receiver: Receiver, *targets: str, **more: object) -> str:
        """Create a call; its connection's id."""
        answer = await self.ask("POST", "", new_call(receiver, *targets, **more))
        assert answer.status == 201, answer
        connection: str = answer.json["callConnectionId"]
        return connection

    async def connected(self, receiver: Receiver, *targets: str, **more: object) -> str:
        """A call in which all of the targets are."""
        connection = await self.place(receiver, *targets, **more)

        def of_this_one() -> list[Event]:
            events = receiver.named("ParticipantsUpdated")
            return [event for event in events if event["data"]["callConnectionId"] == connection]

        await receiver.until(lambda: len(of_this_one()) >= len(targets))
        return connection

    async def add(self, connection: str, who: str, **more: object) -> Answer:
        wanted = {"participantToAdd": user(who) if who.startswith("8:") else phone(who), **more}
        if not who.startswith("8:"):
            wanted.setdefault("sourceCallerIdNumber", {"value": ACS_CALLER_ID})
        return await self.ask("POST", f"/{connection}/participants:add", wanted)

    async def play(
        self, connection: str, url: str = "https://a.example.com/a.wav", **more: object
    ) -> Answer:
        body = {"playSources": [{"kind": "file", "file": {"uri": url}}], "playTo": [], **more}
        return await self.ask("POST", f"/{connection}:play", body)

    async def recognize(
        self,
        connection: str,
        who: str = PHONE,
        *,
        options: dict[str, Any] | None = None,
        dtmf: dict[str, Any] | None = None,
        **more: object,
    ) -> Answer:
        body = {
            "recognizeInputType": "dtmf",
            "recognizeOptions": {
                "targetParticipant": user(who) if who.startswith("8:") else phone(who),
                "dtmfOptions": dtmf or {"maxTonesToCollect": 3},
                **(options or {}),
            },
            **more,
        }
        return await self.ask("POST", f"/{connection}:recognize", body)

    async def participants(self, connection: str) -> list[str]:
        answer = await self.ask("GET", f"/{connection}/participants")
        assert answer.status == 200, answer
        return [each["identifier"]["rawId"] for each in answer.json["value"]]

    async def far_ends(self, far_ends: dict[str, Any] | None = None, **spec: object) -> None:
        answer = await self.inspect("PUT", "farEnds", {"farEnds": far_ends or {}, **spec})
        assert answer.status == 200, answer

    async def callbacks(self, **mode: object) -> None:
        answer = await self.inspect("PUT", "callbacks", mode)
        assert answer.status == 200, answer

    async def until_callbacks_held(self, number: int) -> None:
        answer = await self.inspect("GET", f"callbacks/wait?held={number}&timeoutMs=10000")
        assert answer.status == 200, answer

    async def release(self, **how: object) -> int:
        released: int = (await self.inspect("POST", "callbacks/release", how)).json["released"]
        return released

    async def does(self, connection: str, what: str, **body: object) -> None:
        """Something happens at the far end: react, press, hangUp, join."""
        answer = await self.inspect("POST", f"calls/{connection}/{what}", body)
        assert answer.status == 204, answer

    async def seen(self, connection: str) -> Any:
        """What inspection shows of a call."""
        calls = (await self.state())["calls"]
        return next(call for call in calls if call["callConnectionId"] == connection)

    async def until_seen(self, connection: str, condition: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + SECONDS
        while not condition(call := await self.seen(connection)):
            assert time.monotonic() < deadline, call
            await asyncio.sleep(0.01)
        return call


def new_call(receiver: Receiver, *targets: str, **more: object) -> dict[str, Any]:
    return {
        "targets": [user(t) if t.startswith("8:") else phone(t) for t in targets],
        "sourceCallerIdNumber": {"value": ACS_CALLER_ID},
        "callbackUri": receiver.url,
        **more,
    }


def repeatable(request_id: str | None = None) -> dict[str, str]:
    """The headers of a request that may be repeated."""
    return {
        "Repeatability-Request-ID": request_id or str(uuid.uuid4()),
        "Repeatability-First-Sent": formatdate(usegmt=True),
    }


def participant_path(connection: str, raw_id: str) -> str:
    return f"/{connection}/participants/{quote(raw_id, safe='')}"


@asynccontextmanager
async def receiving(emulator: AcsEmulator) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own, with the keys that the emulator publishes."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(emulator.url + ACS_CALLBACK_KEYS_PATH) as answer,
    ):
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    receiver = Receiver(lambda token: keys[jwt.get_unverified_header(token)["kid"]])
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"{site.name}/events"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(emulator: AcsEmulator) -> AsyncIterator[CallsCaller]:
    async with session_for(emulator) as session:
        yield CallsCaller(session, emulator)


@pytest.fixture
async def calls(emulator: AcsEmulator) -> AsyncIterator[CallsCaller]:
    """Leaves the emulator as it starts, but for the calls that were made."""
    async with calling(emulator) as caller:
        await caller.far_ends(default={"afterMs": 5}, playMs=5)
        yield caller
        await caller.undo("DELETE", "faults")
        await caller.undo("PUT", "callbacks", {})
        await caller.far_ends()


@pytest.fixture
async def receiver(emulator: AcsEmulator) -> AsyncIterator[Receiver]:
    async with receiving(emulator) as receiver:
        yield receiver
