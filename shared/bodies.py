"""Base classes and common fields of every body, query and answer; each domain's `contract.py` has
its own.

Requests forbid what they do not know, and pydantic reports all their faults at once.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from shared.principals import MAX_ID_LENGTH, visible


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Query(BaseModel):
    """Base of all query strings; by itself a query without parameters. Values arrive as text; the
    values of a repeated parameter arrive joined by commas."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Body(BaseModel):
    """Base of all bodies. Strict: the text "60" is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z, to the millisecond: what every JSON client parses."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


type Timestamp = Annotated[datetime, PlainSerializer(timestamp)]
type PersonId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def is_absent(value: object) -> bool:
    """For `Field(exclude_if=...)`: leave a field out of the answer where it has no value."""
    return value is None


def visible_text(name: str) -> str:
    """Accept a text that other people will see; for pydantic's AfterValidator."""
    name = name.strip()
    if not name or visible(name) != name:
        raise ValueError("has to be a visible text without control characters")
    return name
