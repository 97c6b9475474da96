"""Key sets as issuers publish them: which keys the service accepts, and which ones it tries for a
token."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from shared.auth.issuer_keys import IssuerKeys
from shared.auth.signatures import decode_with_any
from shared.unavailable import KeysUnavailable
from tests.auth.key_fixtures import (
    HOUR,
    OTHER,
    PUBLIC,
    Clock,
    Provider,
    clock,
    find,
    keys,
    provider,
    until,
)

__all__ = ["clock", "keys", "provider"]

SHORT = dict(
    jwt.algorithms.RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(), as_dict=True
    )
)


async def test_only_public_signing_keys_are_taken(
    keys: IssuerKeys, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    private = jwt.algorithms.RSAAlgorithm.to_jwk(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), as_dict=True
    )
    provider.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
        {**private, "kid": "private"},
        {**PUBLIC, "kid": "encryption", "use": "enc"},
        {**PUBLIC, "kid": "wrapping", "key_ops": ["wrapKey"]},
        {"kty": "XYZ", "kid": "unheard of"},
        {"kty": "OKP", "crv": "Ed25519", "alg": [], "kid": "odd too"},
        {**SHORT, "kid": "short"},
        {"kty": "EC", "crv": "secp256k1", "kid": "another curve"},
        {**PUBLIC, "kid": "odd", "alg": ["RS256"]},
        {**PUBLIC, "kid": "hollow", "n": ""},
        {**PUBLIC, "kid": ["listed"]},
        "no key",  # type: ignore[list-item]
        {**PUBLIC, "kid": "good", "use": "sig", "key_ops": ["verify"]},
        {**OTHER, "kid": None, "use": None, "key_ops": None, "alg": None},
    ]

    assert len(await keys.find(None, "RS256")) == 2
    assert await find(keys, "good") is not None
    left_out = [
        record.message.partition(", ")[2] for record in caplog.records if "left" in record.message
    ]
    assert sorted(left_out) == [
        "broken: 3",
        "of an unknown type: 4",
        "private: 2",
        "too short: 1",
    ]


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_an_rsa_key_without_alg_verifies_what_its_type_can(
    keys: IssuerKeys, algorithm: str
) -> None:
    key = await find(keys, "one", algorithm)

    assert key is not None
    assert key.algorithm_name == algorithm


async def test_a_keys_alg_and_curve_say_what_it_verifies(
    keys: IssuerKeys, provider: Provider
) -> None:
    curve = jwt.algorithms.ECAlgorithm.to_jwk(
        ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True
    )
    provider.keys = [{**PUBLIC, "kid": "rsa", "alg": "PS256"}, {**curve, "kid": "ec"}]

    assert await find(keys, "rsa", "PS256") is not None
    assert await find(keys, "ec", "ES384") is not None
    for key_id, algorithm in (("rsa", "RS256"), ("ec", "ES256"), ("ec", "RS256")):
        assert await find(keys, key_id, algorithm) is None


@pytest.mark.parametrize("named", [None, "EdDSA", "Ed25519"])
@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
async def test_an_ed25519_key_verifies_under_both_of_its_names(
    keys: IssuerKeys, provider: Provider, named: str | None, algorithm: str
) -> None:
    signer = ed25519.Ed25519PrivateKey.generate()
    public = jwt.algorithms.OKPAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    provider.keys = [{**public, "kid": "ed", **({} if named is None else {"alg": named})}]
    registered = jwt.PyJWS()
    if algorithm not in registered.get_algorithms():
        registered.register_algorithm(algorithm, jwt.algorithms.OKPAlgorithm())
    token = registered.encode(b"{}", signer, algorithm, {"kid": "ed"})

    key = await find(keys, "ed", algorithm)

    assert key is not None
    assert jwt.PyJWS().decode(token, key, algorithms=[algorithm]) == b"{}"


async def test_keys_without_an_id_and_keys_that_share_one_are_all_tried(
    keys: IssuerKeys, provider: Provider
) -> None:
    provider.keys = [PUBLIC, OTHER, {**PUBLIC, "kid": "same"}, {**OTHER, "kid": "same"}]

    assert len(await keys.find("same", "RS256")) == 2
    assert len(await keys.find(None, "RS256")) == 4
    assert len(await keys.find("an id that the issuer does not give", "RS256")) == 2


async def test_a_token_without_a_key_id_is_tried_with_new_keys_too(
    keys: IssuerKeys, provider: Provider
) -> None:
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    new = jwt.algorithms.RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    token = jwt.encode({"sub": "alice"}, signer, "RS256")
    await find(keys, "one")
    provider.keys.append(dict(new))

    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=["RS256"])

    assert await decode_with_any(token, keys, None, "RS256", decode) == {"sub": "alice"}
    assert provider.key_requests == 2


async def test_a_token_whose_id_no_key_bears_is_tried_with_new_keys_too(
    keys: IssuerKeys, provider: Provider
) -> None:
    """The keys without an id may have signed it; if they have not, it may name a new key."""
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    new = jwt.algorithms.RSAAlgorithm.to_jwk(signer.public_key(), as_dict=True)
    token = jwt.encode({"sub": "alice"}, signer, "RS256", {"kid": "new"})
    provider.keys = [OTHER]
    await find(keys, None)
    provider.keys.append({**new, "kid": "new"})

    def decode(key: jwt.PyJWK) -> dict[str, Any]:
        return jwt.decode(token, key, algorithms=["RS256"])

    assert await decode_with_any(token, keys, "new", "RS256", decode) == {"sub": "alice"}


async def test_a_key_set_without_a_usable_key_leaves_the_good_ones(
    keys: IssuerKeys, provider: Provider, clock: Clock
) -> None:
    await find(keys, "one")
    provider.keys = [{**PUBLIC, "kid": "encryption", "use": "enc"}]
    clock.now += HOUR + 1

    assert await find(keys, "one") is not None
    await until(lambda: provider.key_requests == 2)
    assert await find(keys, "one") is not None
    with pytest.raises(KeysUnavailable):
        await find(keys, "two")


async def test_forged_tokens_without_a_key_id_cause_one_request(
    keys: IssuerKeys, provider: Provider
) -> None:
    forged = jwt.encode({}, rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")
    await find(keys, "one")

    for _ in range(20):
        with pytest.raises(jwt.InvalidSignatureError):
            await decode_with_any(
                forged,
                keys,
                None,
                "RS256",
                lambda key: jwt.decode(forged, key, algorithms=["RS256"]),
            )
    assert provider.key_requests == 2
