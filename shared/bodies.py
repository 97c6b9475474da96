"""Base classes and common fields of all bodies, queries and answers.

Each domain's own are in its `contract.py`. Unknown fields of a request are refused, and pydantic
reports all faults of a request at once. It builds a class when it is first used (`defer_build`): a
request loads the whole contract of its domain, and needs two or three of its classes.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake

from shared.bounds import BODY
from shared.principals import MAX_ID_LENGTH
from shared.texts import is_plain, visible

if TYPE_CHECKING:  # only the description needs them
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core.core_schema import CoreSchema


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, defer_build=True)

    @property
    def path(self) -> str:
        """The path of what was created, for the `Location` of a 201; "" if it has none."""
        return ""


class Query(BaseModel):
    """Base of all query strings; by itself a query without parameters.

    Values arrive as text. If a parameter is repeated, Azure joins its values by commas. Frozen,
    because all requests without parameters share one.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True
    )


class Body(BaseModel):
    """Base of all bodies; by itself no body. Strict: the text "60" is not taken for a number.

    Attributes:
        max_bytes: a longer body is not read. One character takes up to 12 bytes, if the client
            escapes it as a surrogate pair.
        alternatives: exactly one of these fields, named as in the document, has to be there.
        partners: fields that an alternative needs, and that no other may have; for the description
            alone.
    """

    max_bytes: ClassVar[int] = BODY.number
    alternatives: ClassVar[tuple[str, ...]] = ()
    partners: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=to_camel, defer_build=True
    )

    @model_validator(mode="after")
    def _has_one_of_the_alternatives(self) -> Self:
        given = [name for name in self.alternatives if getattr(self, to_snake(name)) is not None]
        if self.alternatives and len(given) != 1:
            *others, last = self.alternatives
            raise ValueError(f"has to have exactly one of {', '.join(others)} and {last}")
        return self


def timestamp(moment: datetime) -> str:
    """A time in UTC by RFC 3339, with milliseconds and Z, which every JSON client can parse."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Header(NamedTuple):
    """A request header that handlers read.

    Attributes:
        pattern: a regular expression for the whole value; "" for any text.
    """

    name: str
    description: str
    pattern: str = ""
    is_required: bool = True


type Timestamp = Annotated[
    datetime,
    PlainSerializer(timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
type PersonId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


def is_absent(value: object) -> bool:
    """For `Field(exclude_if=...)`: leave a field without a value out of the answer."""
    return value is None


def _as_int(number: object) -> object:
    return int(number) if isinstance(number, float) and number.is_integer() else number


# Accepts 60.0 for 60: JSON has one kind of number, and a client may write it so.
WHOLE_NUMBER = BeforeValidator(_as_int)


class Pattern(NamedTuple):
    """A check of a text by a regular expression, which the description has.

    Attributes:
        regex: for the whole text, in the dialect that JSON Schema and Python share.
        fault: what people read instead of the expression: mostly an example.
    """

    regex: str
    fault: str

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.regex, text):
            raise ValueError(self.fault)
        return text

    def __get_pydantic_core_schema__(
        self, source: object, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        return AfterValidator(self._check).__get_pydantic_core_schema__(source, handler)

    def __get_pydantic_json_schema__(
        self, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        return {**handler(core_schema), "pattern": f"^{self.regex}$"}


def page_pattern(regex: str) -> Pattern:
    """That of the `page` of a list, which only this service makes."""
    return Pattern(regex, "is not the page of a nextLink")


class Checked(AfterValidator):
    """A check of a text that a pattern cannot express: the description has a `format` for it.

    Subclasses name the format; `shared.openapi.overview` says what it means.
    """

    format: ClassVar[str]

    def __get_pydantic_json_schema__(
        self, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        # Each check refuses the empty text.
        return {**handler(core_schema), "format": self.format, "minLength": 1}


class _Visible(Checked):
    format = "visible-text"


def _visible_text(name: str) -> str:
    shown = visible(name)
    if not shown or not is_plain(name.strip()):
        raise ValueError("has to be a visible text without control characters")
    return shown


# Accepts a text that other people will see, as they see it.
VISIBLE_TEXT = _Visible(_visible_text)
