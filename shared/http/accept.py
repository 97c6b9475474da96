"""What an Accept header wants (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Mapping

_WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)")


def prefers(accept: str, media_type: str) -> bool:
    """Would the client rather have this than JSON, which it gets where it does not care?"""
    weights = dict(map(_media_range, accept.split(",")))
    return _weight(weights, media_type) > _weight(weights, "application/json")


def _media_range(text: str) -> tuple[str, float]:
    """A part of an Accept header: media type or range, and weight (RFC 9110, section 12.5.1)."""
    name, *parameters = (piece.strip().lower() for piece in text.split(";"))
    for parameter in parameters:
        if _WEIGHT.fullmatch(parameter):
            return name, float(parameter[2:])
    return name, 1.0


def _weight(weights: Mapping[str, float], media_type: str) -> float:
    """What the most specific range says that the media type is in; 0 where it is in none."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0
