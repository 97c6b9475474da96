"""The bodies of requests to `/_emulator`, and the answer to a request that is wrong."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

MAX_MS = 600_000

type Milliseconds = Annotated[int, Field(ge=0, le=MAX_MS)]


class Spec(BaseModel):
    """The base of every such body: strict, without unknown fields, in camel case."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class SpecError(Exception):
    """A request to `/_emulator` that is wrong.

    Args:
        errors: all mistakes at once, each with `field`, which is empty for the whole body, and
            `message`.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors)
        self.errors = errors

    def answer(self) -> web.Response:
        return web.json_response({"errors": self.errors}, status=HTTPStatus.BAD_REQUEST)


def mistake(field: str, message: str) -> SpecError:
    """The error for a request with one mistake; `field` is empty for the whole body."""
    return SpecError([{"field": field, "message": message}])


async def read_json(request: web.Request) -> JsonValue:
    """The body; None if it is not JSON, which no spec accepts."""
    try:
        body: JsonValue = await request.json()
    except (ValueError, RecursionError):
        return None
    return body


async def read_spec[S: Spec](request: web.Request, kind: type[S]) -> S:
    """The body as `kind`.

    Raises:
        SpecError: with every mistake in the body.
    """
    return validated(await read_json(request), kind)


def validated[S: Spec](body: object, kind: type[S]) -> S:
    """A body that was already read, as `kind`.

    Raises:
        SpecError: with every mistake in the body.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise SpecError(
            [
                {"field": ".".join(str(step) for step in fault["loc"]), "message": fault["msg"]}
                for fault in error.errors(include_url=False)
            ]
        ) from error
