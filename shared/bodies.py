"""Base classes and common fields of all bodies, queries and answers.

Each domain's own are in its `contract.py`. Unknown fields of a request are refused, and pydantic
reports all faults of a request at once. It builds a class when it is first used: a host loads all
functions when it starts, and its first request needs three classes of sixty.
"""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from shared.principals import MAX_ID_LENGTH
from shared.texts import is_plain, visible


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)


class Query(BaseModel):
    """Base of all query strings; by itself a query without parameters.

    Values arrive as text. If a parameter is repeated, Azure joins its values by commas.
    """

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, defer_build=True)


class Body(BaseModel):
    """Base of all bodies; by itself no body. Strict: the text "60" is not taken for a number.

    Attributes:
        max_bytes: a longer body is not read. One character takes up to 12 bytes, if the client
            escapes it as a surrogate pair.
    """

    max_bytes: ClassVar[int] = 16 * 1024

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, defer_build=True
    )


def timestamp(moment: datetime) -> str:
    """A time in UTC by RFC 3339, with milliseconds and Z, which every JSON client can parse."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


type Timestamp = Annotated[datetime, PlainSerializer(timestamp)]
type PersonId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def is_absent(value: object) -> bool:
    """For `Field(exclude_if=...)`: leave a field without a value out of the answer."""
    return value is None


def visible_text(name: str) -> str:
    """Accept a text that other people will see, as they see it; for AfterValidator."""
    shown = visible(name)
    if not shown or not is_plain(name.strip()):
        raise ValueError("has to be a visible text without control characters")
    return shown
