"""Checks a token's signature with the keys of its issuer, of which several may fit."""

from collections.abc import Callable

import jwt

from shared.auth.issuer_keys import KeySource


async def decode_with_any[T](
    keys: KeySource, key_id: str | None, algorithm: str, decode: Callable[[jwt.PyJWK], T]
) -> T | None:
    """Decode a token with the first key whose signature fits.

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
        return _decode_with_first(candidates, decode)
    except jwt.InvalidSignatureError:
        # An id would have said that the key is new; without one, only newer keys can tell.
        if key_id is not None or not await keys.look_again():
            raise
    return _decode_with_first(await keys.find(key_id, algorithm), decode)


def _decode_with_first[T](candidates: list[jwt.PyJWK], decode: Callable[[jwt.PyJWK], T]) -> T:
    refused = jwt.InvalidSignatureError("no key fits")
    for key in candidates:
        try:
            return decode(key)
        except jwt.InvalidSignatureError as error:
            refused = error
    raise refused
