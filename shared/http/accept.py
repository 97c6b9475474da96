"""Reads an Accept header: does the client prefer a media type to JSON?"""

import re
from collections.abc import Mapping

_WEIGHT = r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)"


def prefers(accept: str, media_type: str) -> bool:
    """Whether the client prefers this media type to JSON, which is the default."""
    weights = dict(map(_media_range, accept.split(",")))
    return _weight(weights, media_type) > _weight(weights, "application/json")


def _media_range(text: str) -> tuple[str, float]:
    """One part of an Accept header: media range and weight (RFC 9110, section 12.5.1)."""
    name, *parameters = (piece.strip().lower() for piece in text.split(";"))
    for parameter in parameters:
        if re.fullmatch(_WEIGHT, parameter):
            return name, float(parameter[2:])
    return name, 1.0


def _weight(weights: Mapping[str, float], media_type: str) -> float:
    """The weight of the most specific range that covers the media type; 0 if none does."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0
