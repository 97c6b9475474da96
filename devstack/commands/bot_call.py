"""`dev.py call`: a user of the stack calls a bot, or a phone a number, and presses keys; it prints
what happens.

The caller is a far end of the ACS emulator, so there is no sound: what is printed is what the app
knows about the call.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
from joserfc.jwk import RSAKey

from devstack.commands.unanswered import no_such_bot, why_unanswered
from devstack.issuer.sign_ins import user_token
from devstack.stack.enrolment import OPERATE_BOTS, OPERATOR
from devstack.stack.state_folder import StackError
from devstack.well_known import BOT_ID

RINGING_SECONDS = 30  # documented
END_SECONDS = 10  # for the call to end after the caller has hung up
LAST_EVENT_SECONDS = 2  # for ACS to tell of the end that the app knows already
POLL_SECONDS = 0.1
# The roles of the user who registers the bots of the stack and reads their calls.
ROLES = (OPERATE_BOTS, "Calls.Manage")

# In the setting BOT_MENU; ids that JSON has to escape are shown as ACS names them.
_CONNECTED = re.compile(r'"connect"\s*:\s*"([^"\\]+)"')

type Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class BotCall:
    """A user calls a bot, or a phone calls the number of a resource account of Teams.

    Args:
        caller: a user's id, or a phone number in E.164.
        bot: a bot's id, or such a number.
        presses: keys, one text for each time that the bot collects tones.
        talk_seconds: how long they talk to the person to whom the bot connects them.
        registers: whether a bot that is not there is registered first.
    """

    caller: str
    bot: str
    presses: Sequence[str]
    talk_seconds: float
    registers: bool = False


class StackClient:
    """A client of the stack's app, and of the inspection of its ACS emulator.

    Args:
        stack: the content of stack.json.
        key: the issuer's key.
    """

    def __init__(self, session: aiohttp.ClientSession, stack: Json, key: RSAKey) -> None:
        self._session = session
        self._content = stack
        self._key = key

    def account_bots(self) -> dict[str, str]:
        """The bots that answer for Teams resource accounts, by the number of the account."""
        settings: Json = self._content["settings"]
        accounts = json.loads(settings.get("TEAMS_RESOURCE_ACCOUNTS") or "[]")
        return {one.get("number", ""): one["bot"] for one in accounts if one.get("bot")}

    async def request(
        self, user: str, path: str, method: str = "GET", body: object = None
    ) -> tuple[int, Json]:
        """The status and the body that the app answers to a user.

        Raises:
            StackError: it answered an error other than 404.
        """
        bearer = user_token(
            self._key,
            issuer=self._content["issuer"],
            user_id=user,
            roles=ROLES if user == OPERATOR else (),
        )
        url, headers = f"{self._content['api']}{path}", {"Authorization": f"Bearer {bearer}"}
        async with self._session.request(method, url, headers=headers, json=body) as answer:
            told: Json = await answer.json(content_type=None)
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.NOT_FOUND:
            raise StackError(f"{method} {path} was answered {answer.status}: {told['detail']}")
        return answer.status, told

    def known_users(self) -> list[str]:
        """The users of the login page, and those to whom the bots' menu connects."""
        return [
            *self._content["users"],
            *_CONNECTED.findall(self._content["settings"].get("BOT_MENU", "")),
        ]

    async def inspect(self, path: str, method: str = "GET", body: object = None) -> Any:
        """The body that the emulator's inspection answers; None if it has none."""
        url = f"{self._content['acs']}/_emulator/{path}"
        async with self._session.request(method, url, json=body) as answer:
            text = await answer.text()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise StackError(f"the emulator answered {answer.status}: {text}")
            return await answer.json() if text else None


async def call_bot(
    stack: Json, key: RSAKey, wanted: BotCall, report: Callable[[str], None]
) -> bool:
    """Call a bot, report what happens, and hang up at the end.

    Returns:
        Whether the bot has answered, and has reached the person whom it called last.

    Raises:
        StackError: the stack does not work; the message says why.
    """
    if "api" not in stack:
        raise StackError("this stack runs without the app, which would have to answer")
    try:
        async with aiohttp.ClientSession() as session:
            return await _Call(StackClient(session, stack, key), wanted, report).run()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StackError(f"the stack does not answer ({type(error).__name__})") from error
    except ValueError as error:
        raise StackError("a part of the stack has answered what is not JSON") from error


class _Call:
    """One call, from its first ring to its end."""

    def __init__(self, client: StackClient, wanted: BotCall, report: Callable[[str], None]) -> None:
        self._client = client
        self._wanted = wanted
        self._report = report
        self._reported_events = 0
        self._reported_history = 0  # entries of the emulator's
        self._waiting_news = list[tuple[str, str]]()  # when, and what
        self._reported_failures = set[str]()  # ids of actions
        self._people = list[str]()
        self._names = dict[str, str]()  # of users, by raw id
        self._latest_invitation: Json = {}

    async def run(self) -> bool:
        bot, caller = await self._callee(), await self._caller_id()
        self._report(f"{self._wanted.caller} calls {self._wanted.bot}")
        presses = list(self._wanted.presses)
        spec = {"caller": caller, "callee": bot, "presses": presses}
        ringing = await self._client.inspect("incomingCalls", "POST", spec)
        if ringing["eventId"] is None:
            self._report("nobody answers: no app is told of it, as in Azure without consent")
            return False
        connection = await self._wait_for_answer(ringing)
        if connection is None:
            return False
        call_id = str(connection["callbackUri"]).rpartition("/")[2]
        has_ended = False
        try:
            self._server_call_id = str(connection["serverCallId"])
            has_ended = await self._watch(call_id, self._wanted.talk_seconds, with_others=True)
        finally:  # also after Ctrl-C
            if not has_ended:
                self._report(f"{self._wanted.caller} hangs up")
                path = f"calls/{connection['callConnectionId']}/hangUp"
                await self._client.inspect(path, "POST", {"participant": caller})
        if not has_ended:
            await self._watch(call_id, END_SECONDS, with_others=False)
        return bool(self._latest_invitation.get("state") != "failed")

    async def _callee(self) -> str:
        if not is_number(self._wanted.bot):
            return await self._bot(self._wanted.bot, registers=self._wanted.registers)
        bot = self._client.account_bots().get(self._wanted.bot)
        if bot:  # the settings say that there is one
            await self._bot(bot, registers=True)
        return f"4:{self._wanted.bot}"

    async def _bot(self, bot_id: str, *, registers: bool) -> str:
        """The ACS id of a bot.

        Args:
            registers: whether it is registered if it is not there.

        Raises:
            StackError: it is not there, and is not to be registered.
        """
        path = f"/bots/{_path_id(bot_id)}"
        caller = OPERATOR if is_number(self._wanted.caller) else self._wanted.caller
        status, bot = await self._client.request(caller, path)
        if status == HTTPStatus.NOT_FOUND:
            if not registers:
                known = {BOT_ID, *self._client.account_bots().values()}
                raise StackError(no_such_bot(bot_id, known))
            self._report(f"there is no bot {bot_id} yet: it is registered now")
            _, bot = await self._client.request(OPERATOR, path, "PUT", {"displayName": bot_id})
        return str(bot["communicationUserId"])

    async def _caller_id(self) -> str:
        if is_number(self._wanted.caller):
            return f"4:{self._wanted.caller}"
        _, token = await self._client.request(self._wanted.caller, "/token")
        return str(token["user"]["communicationUserId"])

    async def _wait_for_answer(self, ringing: Json) -> Json | None:
        """The connection in the emulator, as soon as the app has answered; None if it does not."""
        until = time.monotonic() + RINGING_SECONDS
        while time.monotonic() < until:
            for connection in (await self._client.inspect("state"))["calls"]:
                if connection["serverCallId"] == ringing["serverCallId"]:
                    return dict(connection)
            subscription = await self._client.inspect("eventSubscription")
            for delivery in subscription["deliveries"]:
                if delivery["id"] == ringing["eventId"] and _is_refused(delivery):
                    self._report(f"nobody answers: {why_unanswered(delivery)}")
                    return None
            await asyncio.sleep(POLL_SECONDS)
        self._report(f"nobody has answered for {RINGING_SECONDS} seconds")
        return None

    async def _watch(self, call_id: str, seconds: float, *, with_others: bool) -> bool:
        """Report what happens until the call ends or the time is over; returns whether it has
        ended.

        Args:
            with_others: count the time from when the caller is connected to somebody.
        """
        until, ended_at = float("inf"), time.monotonic()
        while time.monotonic() < until:
            asked_at = datetime.now(UTC).isoformat(timespec="milliseconds")
            _, call = await self._client.request(OPERATOR, f"/calls/{call_id}")
            await self._report_news(call, asked_at)
            if call["state"] == "disconnected":
                # The app may know it sooner than ACS tells it.
                is_told = any(one["type"] == "CallDisconnected" for one in call["events"])
                if is_told or time.monotonic() > ended_at + LAST_EVENT_SECONDS:
                    return True
            else:
                ended_at = time.monotonic()
            if len(self._people) > 1 or not with_others:
                until = min(until, time.monotonic() + seconds)
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _report_news(self, call: Json, asked_at: str) -> None:
        """Report what is new, in the order in which it happened, and then what it has led to.

        The app and the emulator are asked one after the other, so what is younger than the first
        question waits for the next: there may be something before it that only the other knows.
        """
        news = self._waiting_news + await self._news_of_emulator()
        pressed = {one["endedAt"]: one["tones"] for one in call["actions"] if one.get("tones")}
        for event in call["events"][self._reported_events :]:
            keys = pressed.get(event["at"], "") if event["type"] == "RecognizeCompleted" else ""
            news.append((event["at"], f"{event['type']}" + (f": {keys}" if keys else "")))
        self._reported_events = len(call["events"])
        for action in call["actions"]:
            if action["state"] == "failed" and action["id"] not in self._reported_failures:
                self._reported_failures.add(action["id"])
                news.append((action["endedAt"], f"{action['kind']} failed: {_reason(action)}"))
        news.sort(key=lambda one: one[0])
        has_ended = call["state"] == "disconnected"
        self._waiting_news = [one for one in news if one[0] > asked_at and not has_ended]
        for at, what in news[: len(news) - len(self._waiting_news)]:
            self._report(f"{at}  {what}")
        if self._waiting_news:
            return
        invitations = [one for one in call["actions"] if one["kind"] == "invite"]
        for action in sorted(invitations, key=lambda one: str(one["askedAt"])):
            self._latest_invitation = action
        people = sorted(
            one.get("user") or one.get("bot") or one.get("phoneNumber") or "?"
            for one in call["participants"]
        )
        if people != self._people and not has_ended:
            self._people = people
            self._report(f"{'':24}  with the bot: {', '.join(people) or 'nobody'}")

    async def _news_of_emulator(self) -> list[tuple[str, str]]:
        """What the bot says and whom it calls: ACS tells the app nothing of either."""
        path = f"calls?{urlencode({'serverCallId': self._server_call_id})}"
        history = [
            one for call in (await self._client.inspect(path))["calls"] for one in call["history"]
        ]
        news = []
        for entry in history[self._reported_history :]:
            if "calls" in entry:
                what = f"the bot calls {await self._name_of(entry['calls'])}"
            else:
                is_sound = entry["plays"].startswith(("http://", "https://"))
                what = "the bot plays " if is_sound else "the bot says: "
                what += entry["plays"]
            news.append((entry["at"], what))
        self._reported_history = len(history)
        return news

    async def _name_of(self, raw_id: str) -> str:
        """The user with that identity, if it is a user of the stack or of the bots' menu."""
        if raw_id not in self._names:
            for user in self._client.known_users():
                _, identity = await self._client.request(user, "/user")
                self._names[str(identity.get("communicationUserId"))] = user
        return self._names.get(raw_id, raw_id.removeprefix("4:"))


def is_number(text: str) -> bool:
    """Whether it is meant as a phone number: ids of users and bots seldom begin with a plus."""
    return text.startswith("+")


def _is_refused(delivery: Json) -> bool:
    """Whether the app will not answer the call. If it does, ACS knows that before Event Grid."""
    answer = delivery["answer"]
    return delivery["state"] == "dropped" or bool(answer and '"answered"' not in answer)


def _reason(action: Json) -> str:
    reason = action.get("reason", {})
    return str(reason.get("message") or reason.get("code") or "nobody knows why")


def _path_id(bot: str) -> str:
    """The id in the form that the app accepts in a path, with any characters in it."""
    return "~" + base64.urlsafe_b64encode(bot.encode()).rstrip(b"=").decode()
