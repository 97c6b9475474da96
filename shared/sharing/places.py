"""Places: entries in an owner's row by which requests that are about to share a call are
counted."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.keys import milliseconds


@dataclass(frozen=True)
class Place:
    """One request's place, in the owner's row of the call.

    Attributes:
        change_id: of the record that the request is going to write.
        space: the partition of the space that the call is going to be in, or "".
        until: when the place lapses, in ms since 1970: no request takes so long.
    """

    change_id: str
    space: str
    until: int


def standing(places: Iterable[Place], at: datetime) -> tuple[Place, ...]:
    """The places that have not lapsed."""
    return tuple(place for place in places if place.until > milliseconds(at))


def places_text(places: Iterable[Place]) -> str:
    """As they are stored. The names are spelled out, so that renaming a field loses no data."""
    return json.dumps(
        [
            {"change": place.change_id, "space": place.space, "until": place.until}
            for place in places
        ]
    )


def read_places(text: str) -> tuple[Place, ...]:
    return tuple(
        Place(place["change"], place["space"], place["until"]) for place in json.loads(text)
    )
