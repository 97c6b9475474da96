"""A verified token is remembered: not longer than it is valid, nor than its key is published."""

import time

import jwt
import pytest

from shared.auth.bearer import BearerTokens
from shared.auth.claims import LEEWAY_SECONDS
from shared.auth.key_set import KeySet, read_key_set
from shared.problems import Unauthenticated
from shared.unavailable import KeysUnavailable
from tests.auth.bearer_tokens import ISSUERS, KEY, claims, signed
from tests.support.rsa_keys import rsa_key

OTHER = rsa_key("another").public_key()


class Keys:
    """The keys of an issuer, as they are now; counts who asked for one."""

    def __init__(self) -> None:
        self.asked = 0
        self.available = True
        self.publish("k")

    def publish(self, *names: str) -> None:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        self.key_set = read_key_set({"keys": [{**public, "kid": name} for name in names]})

    def withdraw(self) -> None:
        self.key_set = KeySet()

    async def find(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        self.asked += 1
        if not self.available:
            raise KeysUnavailable
        return self.key_set.candidates(key_id, algorithm)

    async def look_again(self, key_id: str | None) -> bool:
        return False


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(keys: Keys, clock: Clock) -> BearerTokens:
    return BearerTokens(ISSUERS, dict.fromkeys(ISSUERS, keys), clock)


async def person(tokens: BearerTokens, token: str) -> str:
    return (await tokens.authenticate(f"Bearer {token}")).principal.id


async def test_a_token_is_verified_once(tokens: BearerTokens, keys: Keys) -> None:
    first, second = signed(claims(sub="alice")), signed(claims(sub="bob"))
    assert await person(tokens, first) == "alice"
    [key] = keys.key_set.candidates("k", "RS256")
    key.key = OTHER  # from now on it verifies nothing that was signed here

    assert await person(tokens, first) == "alice"
    with pytest.raises(Unauthenticated):
        await person(tokens, second)


async def test_its_key_is_asked_for_each_time(tokens: BearerTokens, keys: Keys) -> None:
    token = signed(claims())
    for _ in range(3):
        await person(tokens, token)
    assert keys.asked == 3

    keys.available = False
    with pytest.raises(KeysUnavailable):
        await person(tokens, token)


async def test_a_withdrawn_key_admits_nobody(tokens: BearerTokens, keys: Keys) -> None:
    token = signed(claims())
    await person(tokens, token)

    keys.withdraw()

    with pytest.raises(Unauthenticated):
        await person(tokens, token)


@pytest.mark.parametrize("kid", ["k", None])
async def test_keys_that_are_fetched_again_verify_anew(
    tokens: BearerTokens, keys: Keys, kid: str | None
) -> None:
    token = signed(claims(), kid=kid)
    await person(tokens, token)
    keys.publish("k", "newer")
    assert await person(tokens, token) == "alice"

    for key in keys.key_set.candidates(kid, "RS256"):
        key.key = OTHER
    assert await person(tokens, token) == "alice"
    keys.publish("newer")
    if kid:
        with pytest.raises(Unauthenticated):
            await person(tokens, token)
    else:
        assert await person(tokens, token) == "alice"


async def test_a_token_is_not_remembered_for_longer_than_it_is_valid(
    tokens: BearerTokens, keys: Keys, clock: Clock
) -> None:
    expires = int(time.time()) + 3600
    token = signed(claims(exp=expires))
    await person(tokens, token)
    [key] = keys.key_set.candidates("k", "RS256")
    key.key = OTHER

    clock.now = expires + LEEWAY_SECONDS - 1
    assert await person(tokens, token) == "alice"
    clock.now = expires + LEEWAY_SECONDS
    with pytest.raises(Unauthenticated):
        await person(tokens, token)
    clock.now = time.time()  # nor is it remembered again
    with pytest.raises(Unauthenticated):
        await person(tokens, token)


async def test_nothing_of_a_token_may_differ(tokens: BearerTokens) -> None:
    token = signed(claims())
    await person(tokens, token)
    header, payload, signature = token.split(".")
    other = signed(claims(sub="bob"))

    for changed in (
        f"{header}.{other.split('.')[1]}.{signature}",
        f"{header}.{payload}.{other.split('.')[2]}",
        f"{header}.{payload}.",
        token + "A",
        token[:-1],
        token + "\udce9",
    ):
        with pytest.raises(Unauthenticated):
            await person(tokens, changed)


async def test_refusals_are_not_remembered(tokens: BearerTokens, keys: Keys) -> None:
    token = signed(claims())
    keys.withdraw()
    with pytest.raises(Unauthenticated):
        await person(tokens, token)

    keys.publish("k")

    assert await person(tokens, token) == "alice"


async def test_the_token_that_was_not_sent_for_longest_is_forgotten(
    keys: Keys,
) -> None:
    tokens = BearerTokens(ISSUERS, dict.fromkeys(ISSUERS, keys), most_remembered=2)
    first, second, third = (signed(claims(sub=name)) for name in ("one", "two", "three"))
    for token in (first, second, first, third):
        await person(tokens, token)
    [key] = keys.key_set.candidates("k", "RS256")
    key.key = OTHER

    assert [await person(tokens, token) for token in (first, third)] == ["one", "three"]
    with pytest.raises(Unauthenticated):
        await person(tokens, second)


async def test_a_very_long_token_is_verified_each_time(tokens: BearerTokens, keys: Keys) -> None:
    token = signed(claims(groups=[f"group {n}" for n in range(400)]))
    assert await person(tokens, token) == "alice"
    [key] = keys.key_set.candidates("k", "RS256")
    key.key = OTHER

    with pytest.raises(Unauthenticated):
        await person(tokens, token)
