"""The messages of windows, and their refusals."""

import json
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from devstack.acs_emulator.wire.identifiers import checked_raw_id
from devstack.guids import normal_guid

MAX_ID_LENGTH = 64
MAX_NAME_LENGTH = 256
MAX_TOKEN_LENGTH = 16_384
MAX_LINK_LENGTH = 4096


class Message(BaseModel):
    """The base of all messages; unknown fields are ignored.

    Args:
        id: the client's own, by which it recognises a refusal.
    """

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)

    id: Annotated[str, Field(max_length=MAX_ID_LENGTH)] | None = None


class Hello(Message):
    type: Literal["hello"]
    token: Annotated[str, Field(max_length=MAX_TOKEN_LENGTH)]
    display_name: Annotated[str, Field(max_length=MAX_NAME_LENGTH)] = ""


class Renew(Message):
    type: Literal["token"]
    token: Annotated[str, Field(max_length=MAX_TOKEN_LENGTH)]


class Join(Message):
    type: Literal["join"]
    group_id: Annotated[str, AfterValidator(normal_guid)] | None = None
    meeting_link: Annotated[str, Field(max_length=MAX_LINK_LENGTH)] | None = None

    @model_validator(mode="after")
    def _names_one_call(self) -> "Join":
        if (self.group_id is None) == (self.meeting_link is None):
            raise ValueError("has either groupId or meetingLink")
        return self


class CallUser(Message):
    type: Literal["call"]
    to: Annotated[str, AfterValidator(checked_raw_id)]


class AnswerRing(Message):
    type: Literal["answer"]
    ring: str
    accept: bool


class Press(Message):
    type: Literal["press"]
    key: Annotated[str, Field(pattern=r"^[0-9A-D*#]$")]


class Mute(Message):
    type: Literal["mute"]
    muted: bool


class Leave(Message):
    type: Literal["leave"]


def _browsers_read(data: dict[str, JsonValue]) -> dict[str, JsonValue]:
    json.dumps(data, allow_nan=False)  # else JSON.parse of the other window fails
    return data


class Signal(Message):
    type: Literal["signal"]
    to: str
    data: Annotated[dict[str, JsonValue], AfterValidator(_browsers_read)]


type WindowMessage = Annotated[
    Renew | Join | CallUser | AnswerRing | Press | Mute | Leave | Signal,
    Field(discriminator="type"),
]
_HELLO: TypeAdapter[Hello] = TypeAdapter(Hello)
_MESSAGE: TypeAdapter[WindowMessage] = TypeAdapter(WindowMessage)


class RefusedError(Exception):
    """The message of a window is refused.

    Args:
        code: one of those in CALLING.md.
        message: a sentence for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_hello(text: str) -> Hello | None:
    """The first message, or None if it is no hello."""
    try:
        return _HELLO.validate_json(text)
    except (ValidationError, ValueError):
        return None


def read_message(text: str) -> WindowMessage:
    """A later message.

    Raises:
        RefusedError: it is none; says the first mistake.
    """
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        raise RefusedError("badMessage", f"{where or 'The message'}: {why}.") from None
    except (ValueError, RecursionError):
        raise RefusedError("badMessage", "The message is not JSON.") from None
