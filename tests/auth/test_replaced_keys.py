"""An issuer that replaces a key, and gives the new one the id of the old one."""

import asyncio

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.auth.bearer import BearerTokens
from shared.auth.issuer_keys import IssuerKeys
from shared.auth.webhooks import EVENT_GRID_APPS, EventGridVerifier
from shared.problems import Unauthenticated
from shared.unavailable import KeysUnavailable
from tests.auth.bearer_tokens import TENANT, V1, claims, issuer
from tests.auth.key_fixtures import HOUR, Clock, Provider, clock, keys, provider, until
from tests.support.rsa_keys import rsa_key

__all__ = ["clock", "keys", "provider"]

AUDIENCE = "api://plain"
OLD, NEW, FORGED = map(rsa_key, ("ours", "another", "forged"))


class Issuer:
    """Signs tokens; its documents are the provider's."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.publish(OLD)

    def publish(self, key: rsa.RSAPrivateKey) -> None:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.provider.keys = [{**public, "kid": "one"}]

    def bearer(self, key: rsa.RSAPrivateKey, user: str = "alice", key_id: str = "one") -> str:
        content = claims(iss=self.provider.url, aud=AUDIENCE, sub=user)
        return f"Bearer {jwt.encode(content, key, 'RS256', {'kid': key_id})}"


@pytest.fixture
def signer(provider: Provider) -> Issuer:
    return Issuer(provider)


@pytest.fixture
async def tokens(signer: Issuer, keys: IssuerKeys) -> BearerTokens:
    """It has admitted somebody by the old key."""
    url = signer.provider.url
    tokens = BearerTokens({url: issuer(url, AUDIENCE)}, {url: keys})
    await tokens.authenticate(signer.bearer(OLD))
    return tokens


async def answers(tokens: BearerTokens, bearer: str, number: int = 1) -> list[str]:
    """The callers that so many requests at once are admitted as, or the reasons why they are
    refused."""

    async def one() -> str:
        try:
            return (await tokens.authenticate(bearer)).principal.id
        except (KeysUnavailable, Unauthenticated) as refused:
            return refused.code

    return await asyncio.gather(*(one() for _ in range(number)))


async def test_all_who_come_at_once_with_the_new_key_are_admitted_by_one_fetch(
    tokens: BearerTokens, signer: Issuer
) -> None:
    signer.publish(NEW)

    assert await answers(tokens, signer.bearer(NEW), 20) == ["alice"] * 20
    assert signer.provider.key_requests == 2


@pytest.mark.parametrize("is_refresh", [True, False])
async def test_the_new_key_is_found_beside_a_fetch_that_began_before_it_was_published(
    tokens: BearerTokens, signer: Issuer, clock: Clock, is_refresh: bool
) -> None:
    """Such a fetch does not show that no other key has the id."""
    provider = signer.provider
    provider.reads_early = True
    provider.gate.clear()
    if is_refresh:
        clock.now += HOUR + 1
        assert await answers(tokens, signer.bearer(OLD)) == ["alice"]
    else:
        looking = asyncio.ensure_future(answers(tokens, signer.bearer(FORGED)))
    await until(lambda: provider.key_requests == 2)
    clock.now += 0 if is_refresh else 2
    signer.publish(NEW)
    asking = asyncio.ensure_future(answers(tokens, signer.bearer(NEW), 20))
    await asyncio.sleep(0)
    provider.gate.set()

    assert await asking == ["alice"] * 20
    assert provider.key_requests == 3
    if not is_refresh:
        assert await looking == ["unauthenticated"]


async def test_a_remembered_token_of_the_key_that_was_replaced_admits_nobody(
    tokens: BearerTokens, signer: Issuer
) -> None:
    assert await answers(tokens, signer.bearer(OLD)) == ["alice"]
    signer.publish(NEW)
    await answers(tokens, signer.bearer(NEW))

    assert await answers(tokens, signer.bearer(OLD), 20) == ["unauthenticated"] * 20
    assert signer.provider.key_requests == 2  # which are those of this moment


async def test_forged_tokens_cause_as_many_fetches_as_made_up_key_ids_do(
    tokens: BearerTokens, signer: Issuer, clock: Clock
) -> None:
    told = list[str]()
    for number in range(200):
        clock.now += 0.1
        told += await answers(tokens, signer.bearer(FORGED, f"user {number}"))

    assert set(told) == {"unauthenticated"}
    assert signer.provider.key_requests == 1 + 4  # one in five seconds
    assert await answers(tokens, signer.bearer(OLD)) == ["alice"]


async def test_what_cannot_be_looked_for_again_is_not_judged(
    tokens: BearerTokens, signer: Issuer, clock: Clock
) -> None:
    """While there are too many made-up key ids, or while the issuer fails; other issuers are not
    affected."""
    for number in range(4):
        await answers(tokens, signer.bearer(FORGED, key_id=f"made up {number}"))
    assert await answers(tokens, signer.bearer(NEW), 20) == ["issuer-unavailable"] * 20
    assert signer.provider.key_requests == 1 + 4

    clock.now += 21
    signer.provider.status = 500
    assert await answers(tokens, signer.bearer(NEW), 20) == ["issuer-unavailable"] * 20
    assert await answers(tokens, signer.bearer(OLD)) == ["alice"]

    clock.now += 5
    signer.provider.status = 200
    signer.publish(NEW)
    assert await answers(tokens, signer.bearer(NEW)) == ["alice"]


async def test_event_grid_is_not_refused_for_good_because_of_a_forged_token_just_before(
    signer: Issuer, clock: Clock
) -> None:
    def delivery(key: rsa.RSAPrivateKey) -> dict[str, str]:
        content = claims(iss=V1, aud=AUDIENCE, appid=min(EVENT_GRID_APPS))
        return {"authorization": f"Bearer {jwt.encode(content, key, 'RS256', {'kid': 'one'})}"}

    async with aiohttp.ClientSession() as session:
        keys = IssuerKeys(signer.provider.url, session, clock, judges_at_once=False)
        verifier = EventGridVerifier([], keys, TENANT, [AUDIENCE])
        await verifier.verify(delivery(OLD))
        with pytest.raises(Unauthenticated):
            await verifier.verify(delivery(FORGED))
        signer.publish(NEW)
        with pytest.raises(KeysUnavailable):
            await verifier.verify(delivery(NEW))
        clock.now += 6

        await verifier.verify(delivery(NEW))
