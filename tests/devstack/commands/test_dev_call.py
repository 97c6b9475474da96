"""`dev.py call`: a person lets somebody call a bot, and sees what happens."""

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from typing import IO

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devstack.commands.bot_call import BotCall, StackClient, call_bot
from devstack.issuer.tokens import issuer_key
from devstack.stack.state_folder import StackError, StateFolder
from devstack.well_known import BOT_GREETING
from tests.devstack.commands.dev_process import DEV, DevRun, default_signals
from tests.support.control import Control
from tests.support.stack import Stack

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

type Dev = Callable[..., CompletedProcess[str]]


def happened(printed: str) -> list[str]:
    """What was printed without the times."""
    return [re.sub(r"^[0-9T:.-]+Z", "", line).strip() for line in printed.splitlines()]


async def test_a_call_is_told_from_the_first_ring_to_the_last(running: DevRun, dev: Dev) -> None:
    options = ("--press", "9", "--press", "1", "--talk", "0", "--state", str(running.state))

    printed = await asyncio.to_thread(dev, "call", "told", "--register", "--from", "dave", *options)

    lines = happened(printed.stdout)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert lines[:2] == ["there is no bot told yet: it is registered now", "dave calls told"]
    wanted = ["CallConnected", f"the bot says: {BOT_GREETING}", "PlayCompleted"]
    wanted += ["RecognizeCompleted: 9", f"the bot says: {BOT_GREETING}", "RecognizeCompleted: 1"]
    wanted += [
        "the bot calls carol",
        "AddParticipantSucceeded",
        "with the bot: carol, dave",
        "dave hangs up",
    ]
    wanted += ["CallDisconnected"]
    assert [line for line in lines if line in wanted] == wanted


async def test_a_bot_that_is_not_there_is_not_made_by_a_typing_error(
    running: DevRun, warm_dev: Dev
) -> None:
    printed = await asyncio.to_thread(warm_dev, "call", "helpdesc", "--state", str(running.state))

    assert (printed.returncode, printed.stdout) == (1, "")
    assert "there is no bot helpdesc. Did you mean helpdesk?" in printed.stderr
    async with aiohttp.ClientSession() as session:
        client = StackClient(
            session, running.stack, issuer_key(StateFolder(running.state).issuer_key)
        )
        status, _ = await client.request("alice", "/bots/helpdesc")
    assert status == 404


async def test_a_call_that_reaches_nobody_fails(running: DevRun, warm_dev: Dev) -> None:
    async with Control(running.stack["acs"]) as acs:
        await acs.fault("addParticipant", status=400, times=1)
        options = ("--press", "1", "--press", "0", "--state", str(running.state))
        printed = await asyncio.to_thread(warm_dev, "call", "lonely", "--register", *options)

    lines = happened(printed.stdout)
    assert printed.returncode == 1
    assert any(re.search(r"\binvite failed: ", line) for line in lines)
    assert lines[-1] == "CallDisconnected"  # the bot took the 0 all the same


def test_the_bot_of_the_stack_is_there_and_ends_the_call_when_it_hangs_up(
    running: DevRun, warm_dev: Dev
) -> None:
    printed = warm_dev("call", "helpdesk", "--press", "0", "--state", str(running.state))

    assert printed.returncode == 0
    lines = happened(printed.stdout)
    assert lines[0] == "alice calls helpdesk"
    assert "RecognizeCompleted: 0" in lines
    assert "CallDisconnected" in lines
    assert "alice hangs up" not in lines


async def test_a_call_that_nobody_answers_is_said_to_be_one(running: DevRun, warm_dev: Dev) -> None:
    async with Control(running.stack["acs"]) as acs:
        await acs.fault("answerCall", status=404, times=1)
        missed = await asyncio.to_thread(
            warm_dev, "call", "deaf", "--register", "--state", str(running.state)
        )

    assert missed.returncode == 1
    assert "nobody answers: ACS did not let the app answer (missed)" in missed.stdout


async def test_a_caller_hangs_up(running: DevRun) -> None:
    options = ("--talk", "60", "--state", str(running.state))
    with default_signals():
        process = Popen([*DEV, "call", "endless", "--register", *options], stdout=PIPE, text=True)
    with process:
        assert process.stdout is not None
        await asyncio.to_thread(until_said, process.stdout, "PlayStarted")
        process.send_signal(signal.SIGINT)
        left = await asyncio.to_thread(process.stdout.read)

    assert process.returncode == 130
    assert "alice hangs up" in left
    async with Control(running.stack["acs"]) as acs:
        assert (await acs.state())["calls"][-1]["callConnectionState"] == "disconnected"


def until_said(output: IO[str], wanted: str) -> None:
    for line in output:
        if wanted in line:
            return
    raise AssertionError(wanted)


async def test_a_phone_calls_the_number_of_a_teams_account(running: DevRun, warm_dev: Dev) -> None:
    """The account's bot answers, unless consent was withdrawn: then nobody is told of it."""
    account = running.stack["teams"]["account"]
    silence = "nobody answers: no app is told of it, as in Azure without consent"
    called = ("call", account["number"], "--state", str(running.state))
    assignment = f"/tenants/{running.stack['teams']['tenantId']}/assignments/{account['id']}"
    url = f"{running.stack['acs']}/access/teamsExtension{assignment}?api-version=2025-06-30"
    headers = {"Authorization": f"Bearer {running.stack['acsBearer']}"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        heard = await asyncio.to_thread(warm_dev, *called, "--press", "0")
        await session.delete(url)
        unheard = await asyncio.to_thread(warm_dev, *called)
        await session.put(url, json={"principalType": "teamsResourceAccount"})

    lines = happened(heard.stdout)
    wanted = [
        f"+14255550123 calls {account['number']}",
        "RecognizeCompleted: 0",
        "CallDisconnected",
    ]
    assert (heard.returncode, [line for line in lines if line in wanted]) == (0, wanted)
    assert (unheard.returncode, unheard.stdout.splitlines()[1:]) == (1, [silence])


@pytest.mark.parametrize("wrong", [("--press", "x"), ("--press", "12"), ("--talk", "-3")])
def test_what_nobody_can_do_is_refused_at_once(dev: Dev, wrong: tuple[str, ...]) -> None:
    printed = dev("call", "any", *wrong)

    assert printed.returncode == 2
    assert wrong[0] in printed.stderr


@pytest.mark.parametrize(
    ("called", "said"),
    [
        (("+1",), "no phone number"),
        (("helpdesk", "--from", "14255550188"), "begins with a plus: +14255550188"),
    ],
)
def test_a_number_that_is_none_is_called_by_nobody_and_calls_nobody(
    running: DevRun, warm_dev: Dev, called: tuple[str, ...], said: str
) -> None:
    printed = warm_dev("call", *called, "--state", str(running.state))

    assert printed.returncode == 2
    assert said in printed.stderr


@pytest.mark.parametrize("bot", ["x", ""])
def test_without_an_app_nobody_is_called(stack: Stack, warm_dev: Dev, bot: str) -> None:
    printed = warm_dev("call", bot, "--state", str(stack.folder))

    why = "this stack runs without the app" if bot else "the bot's id is empty"
    assert why in printed.stderr
    assert printed.returncode == (1 if bot else 2)


async def test_something_else_at_the_stacks_address_is_not_taken_for_silence(
    tmp_path: Path,
) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{any:.*}", page)
    wanted = BotCall(caller="alice", bot="helpdesk", presses=(), talk_seconds=0)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        stack = {"api": url, "acs": url, "issuer": url, "users": ["alice"], "settings": {}}
        with pytest.raises(StackError, match="not JSON"):
            await call_bot(stack, issuer_key(tmp_path / "key.json"), wanted, print)
