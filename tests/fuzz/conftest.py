"""The app of this process, while something is fuzzed."""

import asyncio
from collections.abc import Iterator

import pytest

from shared.http import worker
from tests.fuzz.fuzzed_app import Fuzzed, FuzzedApp


@pytest.fixture
def fuzzed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fuzzed]:
    async def made() -> FuzzedApp:
        return FuzzedApp()

    with asyncio.Runner() as runner:
        app = runner.run(made())
        monkeypatch.setattr(worker, "_app", app)
        yield Fuzzed(runner)
        runner.run(app.upstream.close())
