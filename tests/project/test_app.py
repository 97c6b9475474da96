"""The app is wired by key or by managed identity, and opens nothing before it is asked."""

import asyncio
import socket
from collections.abc import Iterator
from functools import cached_property

import pytest

from shared.app import App
from shared.settings import load

# Everything that an app talks to is at {}, a host and port of this machine.
BY_KEY = {
    "COMMUNICATION_CONNECTION_STRING": "endpoint=https://{}/;accesskey=c2VjcmV0",
    "TABLES_CONNECTION_STRING": (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;TableEndpoint=https://{}"
    ),
}
BY_IDENTITY = {"COMMUNICATION_ENDPOINT": "https://{}", "TABLES_ENDPOINT": "https://{}"}
COMMON = {
    "AUTH_ISSUER": "http://{}",
    "AUTH_AUDIENCE": "api://x",
    "GRAPH_ENDPOINT": "https://{}",
    "CALLBACK_BASE_URL": "https://app.example",
    "COMMUNICATION_RESOURCE_ID": "11111111-2222-4333-8444-555555555555",
}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Takes connections, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize("settings", [BY_KEY, BY_IDENTITY], ids=["key", "identity"])
async def test_an_app_is_wired_and_closed_without_a_connection(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    at = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{at}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    wanted = {name: value.format(at) for name, value in {**settings, **COMMON}.items()}

    app = App(load(wanted))
    # Each part is built when it is first used: so all of them.
    parts = {n: part for group in App.__mro__ for n, part in vars(group).items()}
    built = [name for name, part in parts.items() if isinstance(part, cached_property)]
    assert len(built) > 20
    for name in built:
        assert getattr(app, name) is not None
    for _ in range(20):  # so that a task which it would have begun comes to connect
        await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        server.accept()

    assert set(app.health.checks) == {"storage", "communication", "issuer 1"}
    for check in app.health.checks.values():  # each asks, so nothing else would have hidden it
        asking = asyncio.ensure_future(check())
        async with asyncio.timeout(10):
            connection, _ = await asyncio.get_running_loop().sock_accept(server)
        connection.close()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await app.upstream.close()


async def test_every_kind_of_intent_has_one_finisher() -> None:
    app = App(
        load({name: value.format("127.0.0.1:1") for name, value in {**BY_KEY, **COMMON}.items()})
    )
    parts = (
        *(app.personal_data, app.call_settling, app.friends, app.invitations, app.meetings),
        *(app.assigned_agents, app.bot_places),
    )

    finishers = app._finishers()

    assert len(finishers) == sum(len(part.finishers) for part in parts) > len(parts)
    await app.upstream.close()
