"""The hosts of the tests are processes as Azure's are, although they are forked."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import aiohttp
import pytest

from tests.support.ports import free_port
from tests.support.stack import ROOT, STOP_SECONDS, Host, StartHost, wait_until_open

pytestmark = pytest.mark.whole_stack


async def status(client: aiohttp.ClientSession, host: Host) -> int:
    async with client.get(f"{host.api}/health") as answer:
        return answer.status


async def test_a_kill_ends_one_host_and_its_port_is_free_for_the_next(
    start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    killed, other = await start_host(), await start_host()
    assert await status(client, killed) == 200

    killed.kill()

    with pytest.raises(aiohttp.ClientConnectorError):
        await status(client, killed)
    assert await status(client, other) == 200
    await killed.start()
    assert await status(client, killed) == 200


async def test_each_host_has_its_own_settings_and_its_own_log(
    start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    quiet, other = await start_host(LOG_LEVEL="ERROR"), await start_host()

    for host in (quiet, other):
        assert await status(client, host) == 200

    assert quiet.log.read_text() == f"functions host: http://127.0.0.1:{quiet.port}\n"
    assert "GET Health: 200" in other.log.read_text()


async def test_a_host_that_cannot_start_is_not_waited_for(start_host: StartHost) -> None:
    with pytest.raises(AssertionError, match="has ended"):
        await start_host(LOG_LEVEL="no such level")


@pytest.mark.parametrize("is_killed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_hosts_end_with_the_process_that_they_are_forked_from(
    tmp_path: Path, is_killed: bool
) -> None:
    port = free_port()
    wanted = {"environment": dict(os.environ), "port": port, "log": str(tmp_path / "host.log")}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm_host"], cwd=ROOT, stdin=PIPE, stdout=PIPE
    ) as warm:
        assert warm.stdin is not None
        warm.stdin.write(json.dumps({"do": "start", **wanted}).encode() + b"\n")
        warm.stdin.flush()
        wait_until_open(port)
        if is_killed:
            warm.kill()
        # Else the end of its standard input, which is also what a killed test run leaves.

    wait_until_closed(port)


def wait_until_closed(port: int) -> None:
    """Wait until a connection is refused, or reset: that one came while the socket was closed."""
    deadline = time.monotonic() + STOP_SECONDS
    with suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            assert time.monotonic() < deadline, f"somebody still listens on {port}"
            time.sleep(0.02)
