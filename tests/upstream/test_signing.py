"""An access token is kept, renewed before it expires, and asked for once for all requests."""

import asyncio

import pytest
from azure.core.credentials import AccessTokenInfo

from shared.upstream.failures import NoAccessToken
from shared.upstream.signing import BearerToken, Request

HOUR = 3600


class Issuer:
    """A credential whose tokens are given when the test lets it, and are numbered."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0
        self.fails = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.refresh_in: int | None = None

    async def get_token_info(self, *scopes: str) -> AccessTokenInfo:
        assert scopes == ("scope",)
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if self.fails:
            raise NoAccessToken("none")
        refresh_on = None if self.refresh_in is None else int(self.now) + self.refresh_in
        return AccessTokenInfo(f"token {number}", int(self.now) + HOUR, refresh_on=refresh_on)


@pytest.fixture
async def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def bearer(issuer: Issuer) -> BearerToken:
    return BearerToken(issuer, "scope", lambda: issuer.now)


async def signed(bearer: BearerToken) -> str:
    request = Request("GET", "/", {}, b"")
    await bearer.sign(request)
    return request.headers["Authorization"]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_requests_ask_for_one_token(issuer: Issuer, bearer: BearerToken) -> None:
    issuer.may_answer.clear()
    waiting = [asyncio.create_task(signed(bearer)) for _ in range(64)]
    await settle()
    waiting[0].cancel()  # a request that gives up does not take the token from the others
    await settle()
    issuer.may_answer.set()

    answers = await asyncio.gather(*waiting[1:])

    assert set(answers) == {"Bearer token 1"}
    assert await signed(bearer) == "Bearer token 1"
    assert issuer.asked == 1


@pytest.mark.parametrize(("refresh_in", "due"), [(None, HOUR - 300), (1000, 1000)])
async def test_nobody_waits_for_a_renewal(
    issuer: Issuer, bearer: BearerToken, refresh_in: int | None, due: int
) -> None:
    issuer.refresh_in = refresh_in
    await signed(bearer)
    issuer.now = due - 1
    await signed(bearer)
    assert issuer.asked == 1

    issuer.now = due
    issuer.may_answer.clear()
    assert await signed(bearer) == "Bearer token 1"
    assert await signed(bearer) == "Bearer token 1"
    await settle()
    issuer.may_answer.set()
    await settle()

    assert await signed(bearer) == "Bearer token 2"
    assert issuer.asked == 2


async def test_a_token_is_used_until_it_expires_if_the_next_cannot_be_had(
    issuer: Issuer, bearer: BearerToken
) -> None:
    await signed(bearer)
    issuer.fails = True
    for second in range(25):  # asked for again every ten seconds, not with every request
        issuer.now = HOUR - 300 + second
        assert await signed(bearer) == "Bearer token 1"
        await settle()
    assert issuer.asked == 1 + 3

    issuer.now = HOUR
    with pytest.raises(NoAccessToken):
        await signed(bearer)
    issuer.fails = False
    assert (await signed(bearer)).startswith("Bearer token")


async def test_a_refused_token_is_not_used_again(issuer: Issuer, bearer: BearerToken) -> None:
    await signed(bearer)

    bearer.refused()

    assert await signed(bearer) == "Bearer token 2"


async def test_a_failure_is_not_remembered(issuer: Issuer, bearer: BearerToken) -> None:
    issuer.fails = True
    for _ in range(2):
        with pytest.raises(NoAccessToken):
            await signed(bearer)
    issuer.fails = False

    assert await signed(bearer) == "Bearer token 3"
