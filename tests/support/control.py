"""Steering an emulator's faults, and reading what it has seen."""

from types import TracebackType
from typing import Any, Self

import aiohttp

from devstack.acs_emulator.wire.limits import DOCUMENTED
from tests.support import patience


def _wait_ms() -> int:
    """The longest until something is held. On a bad day one silent upstream takes ten seconds."""
    return 60_000 if patience.patient else 20_000


class Control:
    """Over HTTP, as anybody can: see devstack/README.md.

    Attributes:
        changed: what was set here, such as "farEnds" and "tenant", and has to be as before for
            others. Most tests set nothing, so that nothing is asked for after them.
    """

    def __init__(self, base_url: str) -> None:
        self._base = f"{base_url}/_emulator"
        self._session = aiohttp.ClientSession()
        self._may_have_faults = False
        self.changed = set[str]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._may_have_faults:
            await self.clear()
        await self._session.close()

    async def state(self) -> dict[str, Any]:
        async with self._session.get(f"{self._base}/state") as response:
            return dict(await response.json())

    async def identities(self) -> dict[str, Any]:
        """What the ACS emulator has of identities and tokens, and was asked for about them.

        Calls are left out: those of the tests before may still change, and hosts may look at them.
        """
        state = await self.state()
        del state["calls"]
        return {**state, "requests": {name: state["requests"][name] for name in DOCUMENTED}}

    async def calls(self, **which: str) -> list[dict[str, Any]]:
        """The ACS emulator's calls, oldest first, with `callbackEnd` or of a `serverCallId`."""
        async with self._session.get(f"{self._base}/calls", params=which) as response:
            assert response.status == 200, await response.text()
            return list((await response.json())["calls"])

    async def introspect(self, token: str) -> dict[str, Any]:
        """What the ACS emulator thinks of a user's token: `active`, and its claims."""
        url = f"{self._base}/introspect"
        async with self._session.post(url, json={"token": token}) as response:
            return dict(await response.json())

    async def tenant(self, **spec: object) -> None:
        """What the Graph emulator's tenant lets apps do; as it starts where nothing is said."""
        self.changed.add("tenant")
        async with self._session.put(f"{self._base}/tenant", json=spec) as response:
            assert response.status == 200, await response.text()

    async def meeting(self, user: str, **meeting: object) -> dict[str, Any]:
        """A meeting as people make them in Outlook, Teams or Bookings."""
        body = {"user": user, "meeting": meeting}
        async with self._session.post(f"{self._base}/meetings", json=body) as response:
            assert response.status == 201, await response.text()
            return dict(await response.json())

    async def put(self, what: str, spec: object) -> None:
        """Set a part of the inspection, such as `farEnds`; see the emulator's README."""
        self.changed.add(what)
        async with self._session.put(f"{self._base}/{what}", json=spec) as response:
            assert response.status == 200, await response.text()

    async def post(self, what: str, spec: object) -> Any:
        """Have something happen, such as `incomingCalls`; what it is answered."""
        async with self._session.post(f"{self._base}/{what}", json=spec) as response:
            assert response.status < 300, await response.text()
            return await response.json() if await response.read() else None

    async def get(self, what: str) -> Any:
        """See a part of the inspection."""
        async with self._session.get(f"{self._base}/{what}") as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def unsubscribe(self) -> None:
        """Event Grid tells whom it tells at the start."""
        async with self._session.delete(f"{self._base}/eventSubscription") as response:
            assert response.status == 204

    async def events_held(self, number: int) -> None:
        """Return once ACS holds so many events about calls."""
        wait = f"{self._base}/callbacks/wait?held={number}&timeoutMs={_wait_ms()}"
        async with self._session.get(wait) as response:
            assert response.status == 200, await response.text()

    async def tell(self, **which: object) -> None:
        """Send events that are held, and return after the first attempt at each."""
        url = f"{self._base}/callbacks/release"
        async with self._session.post(url, json=which) as response:
            assert response.status == 200, await response.text()

    async def fault(self, operation: str, **spec: object) -> str:
        """Get something wrong; returns the fault's id."""
        self._may_have_faults = True
        body = {"operation": operation, **spec}
        async with self._session.post(f"{self._base}/faults", json=body) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["id"])

    async def held(self, fault: str, number: int = 1) -> None:
        """Return once so many requests are held by the fault."""
        wait = f"{self._base}/faults/{fault}/wait?held={number}&timeoutMs={_wait_ms()}"
        async with self._session.get(wait) as response:
            assert response.status == 200, "nobody came to be held"

    async def release(self, fault: str) -> None:
        async with self._session.post(f"{self._base}/faults/{fault}/release") as response:
            assert response.status == 200

    async def clear(self) -> None:
        async with self._session.delete(f"{self._base}/faults") as response:
            assert response.status == 204
