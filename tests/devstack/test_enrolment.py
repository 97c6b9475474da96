"""The start of a stack whose app refuses to enrol the stack's people and bot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from devstack.stack.certificates import Certificates
from devstack.stack.enrolment import NotEnrolled, enrol
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS
from devstack.stack.state_folder import StateFolder
from tests.support.ports import free_port


def plan(folder: Path, port: int) -> Plan:
    certificates = Certificates(folder / "ca.pem", folder / "server.pem")
    return Plan(StateFolder(folder), {**DEFAULT_PORTS, "host": port}, certificates, with_host=True)


class App:
    """Answers as the test has it, and keeps what it was asked."""

    def __init__(self, **answers: int) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def _answer(self, request: web.Request) -> web.Response:
        asked = f"{request.method}{request.path.removeprefix('/api').replace('/', '_')}"
        self.asked.append(asked)
        await self.gate.wait()
        return web.Response(status=self._answers.get(asked, 200))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
        try:
            yield port
        finally:
            self.gate.set()
            await runner.cleanup()


async def test_a_bot_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    app = App()
    async with app.running() as port:
        await enrol(plan(tmp_path, port))

    assert app.asked == ["GET_token"] * 4 + ["GET_bots_helpdesk"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"GET_token": 503}, "alice's GET /api/token was answered 503"),
        ({"GET_bots_helpdesk": 401}, "GET /api/bots/helpdesk was answered 401"),
        (
            {"GET_bots_helpdesk": 404, "PUT_bots_helpdesk": 403},
            "PUT /api/bots/helpdesk was answered 403",
        ),
    ],
)
async def test_what_the_app_refuses_is_named(
    tmp_path: Path, answers: dict[str, int], why: str
) -> None:
    async with App(**answers).running() as port:
        with pytest.raises(NotEnrolled, match=why):
            await enrol(plan(tmp_path, port))


async def test_an_app_that_does_not_answer_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="does not answer"):
        await enrol(plan(tmp_path, free_port()))

    app = App()
    app.gate.clear()
    async with app.running() as port:
        with pytest.raises(NotEnrolled, match="takes longer"):
            await enrol(plan(tmp_path, port), seconds=0.1)
