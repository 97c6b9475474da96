"""What the emulator remembers and counts, how it starts and stops, and faults on demand."""

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.devstack.emulator_fixtures import TokenIssuer
from tests.devstack.graph_emulator.graph_fixtures import (
    ALICE,
    GraphCaller,
    calling,
    emulator,
    graph,
    issuer,
    meetings_of,
    running_graph,
)
from tests.support.part_process import ended_part

__all__ = ["emulator", "graph", "issuer"]

pytestmark = pytest.mark.emulators

NO_REQUESTS = {"create": 0, "createOrGet": 0, "get": 0, "find": 0, "update": 0, "delete": 0}


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        None,
        *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGTERM, signal.SIGINT)),
    ],
)
async def test_meetings_survive_a_restart(
    tmp_path: Path, issuer: TokenIssuer, how: signal.Signals | None
) -> None:
    with running_graph(tmp_path, issuer.url) as emulator:
        async with calling(emulator, issuer) as graph:
            kept = (await graph.create_or_get("kept")).json
            deleted = await graph.create()
            await graph.call("PATCH", f"/{kept['id']}", {"subject": "New"})
            await graph.call("DELETE", f"/{deleted['id']}")
            state = await graph.state()

        exit_code = emulator.stop(how)
        emulator.start()

        assert exit_code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        async with calling(emulator, issuer) as graph:
            assert await graph.state() == state
            again = await graph.create_or_get("kept")
            assert (again.status, again.json) == (200, {**kept, "subject": "New"})
            assert (await graph.call("GET", f"/{deleted['id']}")).status == 404


async def test_what_is_held_does_not_happen_when_the_emulator_stops(
    tmp_path: Path, issuer: TokenIssuer
) -> None:
    with running_graph(tmp_path, issuer.url) as emulator:
        async with calling(emulator, issuer) as graph:
            fault = await graph.add_fault(operation="create", hold="before")
            request = asyncio.create_task(graph.call("POST", "", {}))
            await graph.until_held(fault)

            assert await asyncio.to_thread(emulator.stop) == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await request

        emulator.start()
        async with calling(emulator, issuer) as graph:
            assert (await graph.state())["created"] == 0


class TestState:
    async def test_tells_what_there_is_and_what_was_asked_for(self, graph: GraphCaller) -> None:
        meeting = await graph.create(subject="Review")
        await graph.create_or_get("x")
        gone = (await graph.create_or_get("x")).json
        await graph.call("PATCH", f"/{meeting['id']}", {"subject": "New"})
        await graph.call("GET", f"/{meeting['id']}")
        await graph.find("JoinWebUrl", meeting["joinWebUrl"])
        await graph.call("DELETE", f"/{gone['id']}")
        await graph.call("DELETE", f"/{gone['id']}")
        await graph.send("POST", meetings_of(ALICE))  # refused, and counted all the same

        state = await graph.state()

        (left,) = state.pop("meetings")
        assert (left["id"], left["subject"]) == (meeting["id"], "New")
        assert state == {
            "created": 2,
            "updated": 1,
            "deleted": 1,
            "requests": {
                "create": 2,
                "createOrGet": 2,
                "get": 1,
                "find": 1,
                "update": 1,
                "delete": 2,
            },
        }

    async def test_is_that_of_a_new_emulator_after_a_reset(self, graph: GraphCaller) -> None:
        await graph.create()
        await graph.tenant(policy=False)
        fault = await graph.add_fault(operation="*", hold="before")
        request = asyncio.create_task(graph.call("POST", "", {}))
        await graph.until_held(fault)

        assert (await graph.inspect("POST", "reset")).status == 204

        assert (await request).status == 201  # let go, under a policy
        assert len((await graph.state())["meetings"]) == 1
        await graph.inspect("POST", "reset")
        assert await graph.state() == {
            "meetings": [],
            "created": 0,
            "updated": 0,
            "deleted": 0,
            "requests": NO_REQUESTS,
        }
        assert (await graph.inspect("GET", "faults")).json == {"faults": []}

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Origin": "https://evil.example"}, 403),
            ({"Host": "rebound.example"}, 403),
            ({"Origin": "http://localhost:3000"}, 200),
        ],
    )
    async def test_is_for_this_machine_only(
        self, graph: GraphCaller, headers: dict[str, str], status: int
    ) -> None:
        assert (await graph.send("GET", "/_emulator/state", headers=headers)).status == status


class TestFaults:
    @pytest.mark.parametrize("retry_after", [None, 7])
    async def test_throttle_in_graphs_shape(
        self, graph: GraphCaller, retry_after: int | None
    ) -> None:
        await graph.add_fault(operation="createOrGet", status=429, retryAfter=retry_after, times=1)

        refused = await graph.create_or_get("x")
        accepted = await graph.create_or_get("x")

        assert refused.error[:2] == (429, "TooManyRequests")
        assert refused.headers.get("retry-after") == (retry_after and str(retry_after))
        inner = refused.json["error"]["innerError"]
        assert inner["request-id"] == refused.headers["request-id"]
        assert accepted.status == 201

    async def test_lose_the_answer_to_what_has_happened(self, graph: GraphCaller) -> None:
        await graph.add_fault(operation="createOrGet", drop="after", times=1)

        with pytest.raises(aiohttp.ClientConnectionError):
            await graph.create_or_get("x")

        assert (await graph.create_or_get("x")).status == 200

    async def test_abort_what_then_never_happens(self, graph: GraphCaller) -> None:
        await graph.add_fault(operation="*", drop="before", times=1)

        with pytest.raises(aiohttp.ClientConnectionError):
            await graph.create()

        assert (await graph.state())["meetings"] == []

    async def test_hold_until_released(self, graph: GraphCaller) -> None:
        fault = await graph.add_fault(operation="create", hold="after", status=503)
        request = asyncio.create_task(graph.call("POST", "", {}))
        await graph.until_held(fault)

        assert (await graph.state())["created"] == 1
        await graph.inspect("POST", f"faults/{fault}/release")

        assert (await request).error[:2] == (503, "ServiceUnavailable")

    async def test_are_for_the_operations_that_there_are(self, graph: GraphCaller) -> None:
        for operation in (*NO_REQUESTS, "*"):
            await graph.add_fault(operation=operation, delayMs=1, times=1)
        wrong = await graph.inspect("POST", "faults", {"operation": "issue", "status": 500})
        unknown = await graph.inspect("GET", "faults/99/wait")

        assert [error["field"] for error in wrong.json["errors"]] == ["operation"]
        assert unknown.status == 404


def test_tls_needs_a_certificate() -> None:
    refused = ended_part(
        *["devstack.graph_emulator", "--tls-port", "1"],
        *["--database", "x.sqlite", "--issuer", "http://127.0.0.1:9"],
    )

    assert refused.returncode == 2
    assert "--tls-port needs --certificate" in refused.stderr


def test_a_taken_port_is_told_in_one_line(tmp_path: Path, issuer: TokenIssuer) -> None:
    with running_graph(tmp_path, issuer.url) as emulator:
        refused = ended_part(
            *["devstack.graph_emulator", "--port", str(emulator.port)],
            *["--database", str(tmp_path / "x.sqlite"), "--issuer", issuer.url],
        )

    assert refused.returncode == 1
    assert refused.stderr.startswith("graph_emulator: ")
    assert len(refused.stderr.splitlines()) == 1
