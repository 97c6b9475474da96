"""`dev.py call`: a user of the stack calls a bot and presses keys, and a person sees what happens.

The caller is a far end of the ACS emulator, so there is nothing to be heard: what is told is what
the app knows of the call.
"""

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from joserfc.jwk import RSAKey

from devstack.issuer.sign_ins import user_token
from devstack.stack.state_folder import CannotStart

RINGS_SECONDS = 30  # documented
ENDS_SECONDS = 10
POLL_SECONDS = 0.1
# Who registers the stack's bots, and looks at their calls.
OPERATOR, ROLES = "operator", ("Bots.Operate", "Calls.Manage")

type Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who calls whom.

    Args:
        presses: keys, one text for each time that the bot listens.
        talks_seconds: how long, once they are connected to somebody.
    """

    caller: str
    bot: str
    presses: Sequence[str]
    talks_seconds: float


class Stack:
    """The stack's app, as anybody sees it, and its emulator's inspection.

    Args:
        described: what stack.json says.
        key: the issuer's.
    """

    def __init__(self, session: aiohttp.ClientSession, described: Json, key: RSAKey) -> None:
        self._session = session
        self._described = described
        self._key = key

    async def ask(
        self, user: str, path: str, method: str = "GET", json: object = None
    ) -> tuple[int, Json]:
        """What the app answers a user: 404 is an answer.

        Raises:
            CannotStart: any other refusal.
        """
        bearer = user_token(
            self._key,
            issuer=self._described["issuer"],
            user_id=user,
            roles=ROLES if user == OPERATOR else (),
        )
        url, headers = f"{self._described['api']}{path}", {"Authorization": f"Bearer {bearer}"}
        async with self._session.request(method, url, headers=headers, json=json) as answer:
            body: Json = await answer.json(content_type=None)
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.NOT_FOUND:
            raise CannotStart(f"{method} {path} was answered {answer.status}: {body['detail']}")
        return answer.status, body

    async def steer(self, path: str, method: str = "GET", json: object = None) -> Any:
        """What the emulator answers; None where it says no more than that it is done."""
        url = f"{self._described['acs']}/_emulator/{path}"
        async with self._session.request(method, url, json=json) as answer:
            text = await answer.text()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise CannotStart(f"the emulator answered {answer.status}: {text}")
            return await answer.json() if text else None


async def call_bot(described: Json, key: RSAKey, wish: Wish, say: Callable[[str], None]) -> bool:
    """Call a bot, say what happens, and hang up in the end; whether the bot has answered.

    Raises:
        CannotStart: the stack does not do its part; the message says why.
    """
    if "api" not in described:
        raise CannotStart("this stack runs without the app, which would have to answer")
    try:
        async with aiohttp.ClientSession() as session:
            return await _Call(Stack(session, described, key), wish, say).run()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise CannotStart(f"the stack does not answer ({type(error).__name__})") from error


class _Call:
    """One call, from the first ring to the end."""

    def __init__(self, stack: Stack, wish: Wish, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._wish = wish
        self._say = say
        self._told = 0  # of its events
        self._failed = set[str]()  # ids of actions
        self._people = list[str]()

    async def run(self) -> bool:
        bot, caller = await self._bot_id(), await self._caller_id()
        self._say(f"{self._wish.caller} calls {self._wish.bot}")
        presses = list(self._wish.presses)
        spec = {"caller": caller, "callee": bot, "presses": presses}
        connection = await self._answered(await self._stack.steer("incomingCalls", "POST", spec))
        if connection is None:
            return False
        call = str(connection["callbackUri"]).rpartition("/")[2]
        has_ended = False
        try:
            has_ended = await self._watch(call, self._wish.talks_seconds, with_others=True)
        finally:  # also when a person has had enough of it
            if not has_ended:
                self._say(f"{self._wish.caller} hangs up")
                path = f"calls/{connection['callConnectionId']}/hangUp"
                await self._stack.steer(path, "POST", {"participant": caller})
        if not has_ended:
            await self._watch(call, ENDS_SECONDS, with_others=False)
        return True

    async def _bot_id(self) -> str:
        path = f"/bots/{_coded(self._wish.bot)}"
        status, bot = await self._stack.ask(self._wish.caller, path)
        if status == HTTPStatus.NOT_FOUND:
            self._say(f"there is no bot {self._wish.bot} yet: it is registered now")
            _, bot = await self._stack.ask(OPERATOR, path, "PUT", {"displayName": self._wish.bot})
        return str(bot["communicationUserId"])

    async def _caller_id(self) -> str:
        _, token = await self._stack.ask(self._wish.caller, "/token")
        return str(token["user"]["communicationUserId"])

    async def _answered(self, ringing: Json) -> Json | None:
        """The emulator's connection, as soon as there is one."""
        until = time.monotonic() + RINGS_SECONDS
        while time.monotonic() < until:
            for connection in (await self._stack.steer("state"))["calls"]:
                if connection["serverCallId"] == ringing["serverCallId"]:
                    return dict(connection)
            told = await self._stack.steer("eventSubscription")
            for one in told["deliveries"]:
                if one["id"] == ringing["eventId"] and _is_refused(one):
                    told = one["answer"] or ", ".join(map(str, one["attempts"]))
                    self._say(f"nobody answers: the app was told of it, and said {told}")
                    return None
            await asyncio.sleep(POLL_SECONDS)
        self._say(f"nobody has answered for {RINGS_SECONDS} seconds")
        return None

    async def _watch(self, call: str, seconds: float, *, with_others: bool) -> bool:
        """Say what happens until the call has ended, for so long at the most; whether it has ended.

        Args:
            with_others: the time counts from when the caller is connected to somebody.
        """
        until = float("inf")
        while time.monotonic() < until:
            _, seen = await self._stack.ask(OPERATOR, f"/calls/{call}")
            self._say_news(seen)
            if seen["state"] == "disconnected":
                return True
            if len(self._people) > 1 or not with_others:
                until = min(until, time.monotonic() + seconds)
            await asyncio.sleep(POLL_SECONDS)
        return False

    def _say_news(self, seen: Json) -> None:
        pressed = {one["endedAt"]: one["tones"] for one in seen["actions"] if one.get("tones")}
        for event in seen["events"][self._told :]:
            keys = pressed.get(event["at"], "") if event["type"] == "RecognizeCompleted" else ""
            self._say(f"{event['at']}  {event['type']}" + (f": {keys}" if keys else ""))
        self._told = len(seen["events"])
        for action in seen["actions"]:
            if action["state"] == "failed" and action["id"] not in self._failed:
                self._failed.add(action["id"])
                self._say(f"{action['endedAt']}  {action['kind']} failed: {_reason(action)}")
        people = sorted(one.get("user") or one.get("bot") or "?" for one in seen["participants"])
        if people != self._people and seen["state"] != "disconnected":
            self._people = people
            self._say(f"{'':24}  with the bot: {', '.join(people) or 'nobody'}")


def _is_refused(delivery: Json) -> bool:
    """Will nothing come of it? Where the app has answered the call, ACS knows of that first."""
    return delivery["state"] == "dropped" or '"answered"' not in (
        delivery["answer"] or '"answered"'
    )


def _reason(action: Json) -> str:
    told = action.get("reason", {})
    return str(told.get("message") or told.get("code") or "nobody knows why")


def _coded(bot: str) -> str:
    """An id as it fits into a path, whatever it holds."""
    return "~" + base64.urlsafe_b64encode(bot.encode()).rstrip(b"=").decode()
