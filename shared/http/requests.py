"""A request as handlers see it: admitted, and read by the types of its contract."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import azure.functions as func
from pydantic import ValidationError

from shared.app import App
from shared.bodies import Body, Query
from shared.http.accept import prefers
from shared.http.route_ids import read_id
from shared.http.worker import current
from shared.principals import Caller
from shared.problems import BodyTooLarge, Fault, InvalidRequest, NotJson

# The largest body that any route means is 350 ids of 256 characters, each of up to 6 bytes where a
# client escapes them.
MAX_BODY_BYTES = 640 * 1024
_KEY = re.compile("[!-~]{1,256}")
# How many faults the detail of the problem lists, and how much of a field's name.
_MOST_IN_DETAIL, _LONGEST_NAME = 3, 64


@dataclass(frozen=True)
class PublicRequest[Q: Query]:
    """A request of anybody at all."""

    query: Q
    route: dict[str, str]

    @property
    def app(self) -> App:
        """Only what is used is built: an app with wrong settings is alive, though not ready."""
        return current()


@dataclass(frozen=True)
class Request[Q: Query, B: Body]:
    """A request of a caller who is signed in and admitted."""

    app: App
    caller: Caller
    query: Q
    body: B
    route: dict[str, str]
    headers: Mapping[str, str]

    def route_id(self, name: str) -> str:
        """An id in the path, written plainly or as `~` and base64url of its UTF-8."""
        return read_id(self.route.get(name, ""), name)

    @property
    def idempotency_key(self) -> str:
        """What the client calls this request, so that a repetition has its effect once.

        Raises:
            InvalidRequest: the header is missing, or no name.
        """
        name = "Idempotency-Key"
        value = self.headers.get(name.lower(), "")
        if not _KEY.fullmatch(value):
            message = "has to name this request, in 1 to 256 visible ASCII characters"
            raise InvalidRequest(f"{name} {message}.", faults=[Fault("header", name, message)])
        return value

    def prefers(self, media_type: str) -> bool:
        """Would the client rather have this than JSON, which it gets where it does not care?"""
        return prefers(self.headers.get("accept", ""), media_type)


def read_raw_body(req: func.HttpRequest) -> bytes:
    """The bytes of the body; raises BodyTooLarge."""
    raw = req.get_body() or b""
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body is over {MAX_BODY_BYTES} bytes.")
    return raw


def read_request[Q: Query, B: Body](
    req: func.HttpRequest, query: type[Q], body: type[B]
) -> tuple[Q, B]:
    """Both parts of the request.

    Raises:
        InvalidRequest: with every fault of both.
        BodyTooLarge, NotJson: the body was not read.
    """
    faults: list[Fault] = []
    raw = read_raw_body(req)
    media_type = req.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and media_type != "application/json":
        raise NotJson
    read_query = _validated(lambda: query.model_validate(dict(req.params)), "query", faults)
    read_body = _validated(lambda: body.model_validate_json(raw or b"{}"), "body", faults)
    if read_query is None or read_body is None:
        listed = [
            f"{f.where} {f.field}".strip() + f": {f.message}" for f in faults[:_MOST_IN_DETAIL]
        ]
        raise InvalidRequest("; ".join(listed), faults=faults)
    return read_query, read_body


def _validated[T](validate: Callable[[], T], where: str, faults: list[Fault]) -> T | None:
    try:
        return validate()
    except ValidationError as error:
        listed = error.errors(include_url=False, include_input=False, include_context=False)
        for found in listed:
            name = ".".join(str(part) for part in found["loc"])[:_LONGEST_NAME]
            unknown = found["type"] == "extra_forbidden"
            message = found["msg"].removeprefix("Value error, ")  # pydantic's word for ours
            faults.append(Fault(where, name, "is unknown here" if unknown else message))
        return None
