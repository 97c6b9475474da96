"""Checks a token's signature with the keys of its issuer, of which several may fit."""

from collections.abc import Callable

import jwt
from jwt.utils import base64url_decode

from shared.auth.issuer_keys import KeySource


async def decode_with_any[T](
    token: str,
    keys: KeySource,
    key_id: str | None,
    algorithm: str,
    decode: Callable[[jwt.PyJWK], T],
) -> T | None:
    """Decode a token with the key that has signed it.

    Args:
        key_id, algorithm: what the token's header says, which anybody could have written.
        decode: raises jwt.InvalidSignatureError if the key did not sign the token.

    Returns:
        None if the issuer has no such key.

    Raises:
        KeysUnavailable: the issuer's current keys cannot be had, so the token is not judged.
        jwt.InvalidSignatureError: no key of the issuer has signed it.
        Whatever else `decode` raises.
    """
    candidates = await keys.find(key_id, algorithm)
    if not candidates:
        return None
    try:
        return _decode_with_first(token, candidates, decode)
    except jwt.InvalidSignatureError:
        # The token's key may be newer than those we have, also under an id that one of them bears.
        if not await keys.look_again(key_id):
            raise
    return _decode_with_first(token, await keys.find(key_id, algorithm), decode)


def _decode_with_first[T](
    token: str, candidates: list[jwt.PyJWK], decode: Callable[[jwt.PyJWK], T]
) -> T:
    """Decoding a long token takes 5 ms. So if there are several keys, only the signature is checked
    to find the right one."""
    if len(candidates) == 1:
        return decode(candidates[0])
    signed, _, encoded = token.rpartition(".")
    try:
        signature = base64url_decode(encoded)
    except ValueError:
        raise jwt.InvalidSignatureError("the signature is no base64url") from None
    for key in candidates:
        if key.Algorithm.verify(signed.encode(), key.key, signature):
            return decode(key)
    raise jwt.InvalidSignatureError("no key fits")
