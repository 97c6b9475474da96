"""The adapter to Graph against the emulator: the refusals that only an app with other
rights gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from devstack.issuer.tokens import issuer_key, mint
from devstack.issuer.users import object_id
from shared.meetings.graph import GraphApi, MeetingGone, MeetingPlan
from shared.problems import MeetingRefused, Problem
from shared.unavailable import (
    GraphRefused,
    GraphTokenRefused,
    GraphUnavailable,
    OrganizerRefused,
)
from shared.upstream.clients import Upstream
from shared.upstream.failures import NoAccessToken
from tests.support.control import Control
from tests.support.stack import Stack

NOON = datetime.now(UTC) + timedelta(days=1)
PLAN = MeetingPlan("Visit", NOON, NOON + timedelta(hours=1), None)
DAVE = object_id("dave")


class Credential:
    """Tokens of an app with some roles."""

    def __init__(self, stack: Stack, *roles: str) -> None:
        self._stack = stack
        self._roles = roles

    async def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        assert scopes == ("https://graph.microsoft.com/.default",)
        token = mint(
            issuer_key(self._stack.issuer.key_file),
            issuer=self._stack.issuer.url,
            subject="app",
            audience="https://graph.microsoft.com",
            lifetime=timedelta(hours=1),
            roles=self._roles,
            appid="the-app",
            oid="the-identity",
        )
        return AccessToken(token, int((datetime.now(UTC) + timedelta(hours=1)).timestamp()))


@asynccontextmanager
async def api(stack: Stack, *roles: str) -> AsyncIterator[GraphApi]:
    upstream = Upstream()
    credential: Any = Credential(stack, *roles)
    upstream.managed_identity = credential
    try:
        yield GraphApi(stack.values["graph"], upstream)
    finally:
        await upstream.close()


async def test_an_app_without_the_role_is_told_how_to_get_it(stack: Stack) -> None:
    async with api(stack) as graph:
        for request in (graph.create_or_get(DAVE, "x", PLAN), graph.check(DAVE)):
            with pytest.raises(GraphRefused) as refused:
                await request
            assert not isinstance(refused.value, OrganizerRefused)
            assert "servicePrincipals/the-identity/appRoleAssignments" in refused.value.remedy
            assert "b8bb2037-6e08-44ac-a4ea-4674e010e2a4" in refused.value.remedy
        with pytest.raises(GraphRefused):
            await graph.check_role()


async def test_what_is_gone_is_told_apart_from_what_is_refused(stack: Stack) -> None:
    async with api(stack, "OnlineMeetings.ReadWrite.All") as graph:
        await graph.check_role()
        await graph.check(DAVE)
        made = await graph.create_or_get(DAVE, "told apart", PLAN)
        assert await graph.find_by_link(DAVE, made.link) == made
        await graph.delete(DAVE, made.id)
        await graph.delete(DAVE, made.id)
        with pytest.raises(MeetingGone):
            await graph.update(DAVE, made.id, PLAN)
        assert await graph.find_by_link(DAVE, made.link) is None
        with pytest.raises(OrganizerRefused):
            await graph.create_or_get("nobody@example.com", "x", PLAN)


async def test_a_token_that_is_missing_while_a_refusal_is_explained_is_told_as_that(
    stack: Stack, graph: Control
) -> None:
    await graph.tenant(policy=False)

    class OnlyOnce(Credential):
        asked = 0

        async def get_token(self, *scopes: str, **options: object) -> AccessToken:
            self.asked += 1
            if self.asked > 1:
                raise NoAccessToken("no more")
            return await super().get_token(*scopes, **options)

    async with api(stack, "OnlineMeetings.ReadWrite.All") as asking:
        for request in (asking.create_or_get(DAVE, "x", PLAN), asking.find_by_link(DAVE, "y")):
            asking._upstream.managed_identity = OnlyOnce(stack)  # type: ignore[assignment]
            vars(asking).pop("_client", None)
            with pytest.raises(GraphTokenRefused):
                await request


@pytest.mark.parametrize(
    ("status", "alone"), [(400, MeetingRefused), (401, GraphTokenRefused), (403, OrganizerRefused)]
)
async def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_made(
    stack: Stack, graph: Control, status: int, alone: type[Problem]
) -> None:
    external_id = f"refused then {status}"
    async with api(stack, "OnlineMeetings.ReadWrite.All") as asking:
        await graph.fault("createOrGet", drop="after", times=1)
        await graph.fault("createOrGet", status=status, times=2)

        with pytest.raises(GraphUnavailable) as unknown:
            await asking.create_or_get(DAVE, external_id, PLAN)
        with pytest.raises(alone):
            await asking.create_or_get(DAVE, external_id, PLAN)

        assert type(unknown.value) is GraphUnavailable
        meetings = (await graph.state())["meetings"]
        assert [one["externalId"] for one in meetings].count(external_id) == 1
        await graph.clear()
        made = await asking.create_or_get(DAVE, external_id, PLAN)
        await asking.delete(DAVE, made.id)
