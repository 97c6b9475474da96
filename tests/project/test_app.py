"""The app is wired by key or by managed identity, and opens nothing before it is asked."""

import pytest

from shared.app import App
from shared.settings import load

AUTH = {"AUTH_ISSUER": "https://issuer.example", "AUTH_AUDIENCE": "api://x"}
BY_KEY = {
    "COMMUNICATION_CONNECTION_STRING": "endpoint=https://x.example/;accesskey=c2VjcmV0",
    "TABLES_CONNECTION_STRING": "AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=x.example",
}
BY_IDENTITY = {
    "COMMUNICATION_ENDPOINT": "https://x.example",
    "TABLES_ENDPOINT": "https://a.table.example",
}


@pytest.mark.parametrize("settings", [BY_KEY, BY_IDENTITY])
async def test_an_app_is_wired_and_closed_without_a_connection(settings: dict[str, str]) -> None:
    app = App(load({**settings, **AUTH}))

    assert set(app.health.checks) == {"storage", "communication", "issuer 1"}
    await app.upstream.close()
