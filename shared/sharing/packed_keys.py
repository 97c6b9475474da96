"""Many keys as one property of a row."""

# Each key is so long: 350 are 22,400 characters, and a property holds 32,768.
_LENGTH = 64


def packed(keys: frozenset[str]) -> str:
    return "".join(sorted(keys))


def unpacked(text: str) -> frozenset[str]:
    return frozenset(text[n : n + _LENGTH] for n in range(0, len(text), _LENGTH))
