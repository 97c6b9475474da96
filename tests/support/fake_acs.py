"""ACS as far as worlds in memory need it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from shared.identity.acs import Grant
from shared.unavailable import CommunicationUnavailable


class FakeAcs:
    """Identities are numbers; none is made or used up for nothing."""

    def __init__(self, resource: str) -> None:
        self._resource = resource
        self._serial = itertools.count()
        self.living: set[str] = set()
        self._is_down = False

    @contextmanager
    def down(self) -> Iterator[None]:
        """It makes no identities meanwhile."""
        self._is_down = True
        yield
        self._is_down = False

    async def create_user(self, scopes: frozenset[str], minutes: int) -> tuple[str, Grant]:
        if self._is_down:
            raise CommunicationUnavailable
        user_id = f"8:acs:{self._resource}_{next(self._serial)}"
        self.living.add(user_id)
        return user_id, await self.issue_token(user_id, scopes, minutes)

    async def issue_token(self, user_id: str, scopes: frozenset[str], minutes: int) -> Grant:
        now = datetime.now(UTC)
        return Grant("token", now + timedelta(hours=1), scopes, minutes, now)

    async def revoke_tokens(self, user_id: str) -> None:
        pass

    async def delete_user(self, user_id: str) -> None:
        self.living.discard(user_id)
