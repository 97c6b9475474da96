"""A JSON Web Key Set as an issuer publishes it (RFC 7517): the public signing keys in it, and those
of them that may have signed a token."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import jwt

# What a key of each type and curve can verify (RFC 7518; RFC 9864 names EdDSA's curves apart).
# Asymmetric only: with HS256 an issuer's public key would be a signing key. Never "none".
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
# PyJWT has one name for both.
_NAMES_IN_PYJWT = {"Ed25519": "EdDSA"}
# Members of a JWK that only its owner may know (RFC 7518 sections 6.2.2 and 6.3.2).
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
# Limits what one token without a key id can cost: each signature takes 62 us (RS256).
_MOST_CANDIDATES = 16


@dataclass(frozen=True)
class PublishedKey:
    """A public signing key.

    Attributes:
        id: its `kid`; None if the issuer gives none.
        algorithms: what it may verify: its `alg`, or all that its type can do.
    """

    id: str | None
    algorithms: tuple[str, ...]
    _jwk: Mapping[str, Any] = field(repr=False)
    _built: dict[str, jwt.PyJWK] = field(default_factory=dict, repr=False, compare=False)

    def for_algorithm(self, algorithm: str) -> jwt.PyJWK:
        """The key as PyJWT takes it, for one algorithm: PyJWT binds a key to one."""
        if algorithm not in self._built:
            key = jwt.PyJWK(dict(self._jwk), _NAMES_IN_PYJWT.get(algorithm, algorithm))
            key.algorithm_name = algorithm  # it is compared with the token's header
            self._built[algorithm] = key
        return self._built[algorithm]


class KeySet(NamedTuple):
    """All keys of an issuer that may sign tokens.

    Attributes:
        left_out: how many keys of the document are of no use here, by reason.
    """

    keys: tuple[PublishedKey, ...] = ()
    left_out: Mapping[str, int] = MappingProxyType({})

    def candidates(self, key_id: str | None, algorithm: str) -> list[jwt.PyJWK]:
        """The keys that may have signed a token, best first.

        They are the keys with the token's id or, if there is none, the keys without an id. If the
        token has no id, they are all keys.
        """
        able = [key for key in self.keys if algorithm in key.algorithms]
        named = [key for key in able if key_id is None or key.id == key_id]
        found = named or [key for key in able if key.id is None]
        return [key.for_algorithm(algorithm) for key in found[:_MOST_CANDIDATES]]


def read_key_set(document: Mapping[str, Any]) -> KeySet:
    """The usable keys of a document.

    Raises:
        ValueError: it is no key set, or has no key that is of use here.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the key set has no keys")
    keys, left_out = [], Counter[str]()
    for entry in listed:
        read = _read_key(entry)
        if isinstance(read, PublishedKey):
            keys.append(read)
        elif read:
            left_out[read] += 1
    if not keys:  # an error, so that the earlier keys stay in use
        raise ValueError("the key set has no usable signing key")
    return KeySet(tuple(keys), left_out)


def _read_key(entry: object) -> PublishedKey | str:
    """A key, or why it is left out; "" for one that is simply for another purpose."""
    if not isinstance(entry, dict):
        return "broken"
    entry = {name: value for name, value in entry.items() if value is not None}  # null is absent
    if entry.get("kty") == "oct" or _PRIVATE & entry.keys():
        return "private"  # in a public document anybody could sign with it
    if entry.get("use", "sig") != "sig" or not _has(entry.get("key_ops", ["verify"]), "verify"):
        return ""
    able = _able(entry)
    return _built(entry, able) if able else "of an unknown type"


def _built(entry: Mapping[str, Any], able: tuple[str, ...]) -> PublishedKey | str:
    key_id = entry.get("kid", "")
    if not isinstance(key_id, str):
        return "broken"
    key = PublishedKey(key_id or None, able, entry)
    try:
        built = key.for_algorithm(able[0])
        is_short = built.Algorithm.check_key_length(built.key) is not None
    except (jwt.PyJWTError, TypeError, ValueError, AttributeError, KeyError):
        return "broken"
    return "too short" if is_short else key


def _able(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The algorithms that a key may verify: those of its type and curve, or the one in its
    `alg`."""
    kind, curve, named = entry.get("kty"), entry.get("crv"), entry.get("alg")
    able = next((names for of, names in _ALGORITHMS.items() if of == (kind, curve)), ())
    return able if named is None else tuple(name for name in able if _is_named(name, named))


def _is_named(algorithm: str, named: object) -> bool:
    """EdDSA and Ed25519 are two names for what an Ed25519 key does."""
    same = {"EdDSA", "Ed25519"}
    return algorithm == named or (algorithm in same and isinstance(named, str) and named in same)


def _has(operations: object, wanted: str) -> bool:
    return isinstance(operations, list) and wanted in operations
