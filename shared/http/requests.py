"""A request as its handler gets it: query and body are read by the types of the contract."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import parse_qsl

import azure.functions as func
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from shared.app import App
from shared.bodies import Body, Header, Query
from shared.bounds import BODY_VALUES, PARAMETERS
from shared.http.accept import prefers
from shared.http.faults import faults_of
from shared.http.route_ids import decoded, find_id, read_id
from shared.http.worker import current
from shared.principals import Caller
from shared.problems import (
    BodyEncoded,
    BodyTooLarge,
    Fault,
    InvalidRequest,
    LengthRequired,
    NotJson,
)

# A callback tells of at most 350 participants; Event Grid's batches are as large as 1 MB, and hold
# one event unless the subscription says otherwise.
MAX_CALLBACK_BYTES = 640 * 1024
_MOST_VALUES = BODY_VALUES.number
_MOST_BRACKETS = 100_000
# A repeated parameter counts once in the first number, and each time in the second.
_MOST_PARAMETERS, _MOST_PAIRS = PARAMETERS.number, 1000
# The longest name of a space, of 256 characters of four bytes, has a thousand escapes.
_MOST_ESCAPES = 4000
# Smaller bodies have room for few fields.
_SMALL = 4 * 1024
# The client's name for a request, whose repetitions have one effect together.
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key",
    "The client's name for this request: its repetitions have one effect together.",
    "^[!-~]{1,256}$",
)
# How many faults the detail of the problem lists.
_MOST_IN_DETAIL = 3


class PublicRequest[Q: Query](NamedTuple):
    """A request that needs no sign-in: its caller is unknown."""

    query: Q
    route: dict[str, str]
    headers: Mapping[str, str]

    @property
    def app(self) -> App:
        """Built on first use: with wrong settings the service is alive, although not ready."""
        return current()


class Callback(NamedTuple):
    """A request whose sender is verified. No proof covers the body: read it as untrusted input."""

    app: App
    route: dict[str, str]
    body: bytes


class Request[Q: Query, B: Body](NamedTuple):
    """A request of a signed-in caller who may make it."""

    app: App
    caller: Caller
    query: Q
    body: B
    route: dict[str, str]
    headers: Mapping[str, str]

    def route_id(self, name: str) -> str:
        """An id in the path that somebody is to get, in either of the forms that `read_id` reads.

        Raises:
            InvalidRequest: the segment has neither form, or the id is too long.
        """
        return read_id(self.route.get(name, ""), name)

    def find_route_id(self, name: str) -> str | None:
        """An id in the path that somebody may have; None if it is too long for anybody.

        Raises:
            InvalidRequest: the segment has neither form.
        """
        return find_id(self.route.get(name, ""), name)

    def own_route_id(self, name: str) -> str:
        """An id in the path that this service may have made; its domain knows how those look.

        An id that it cannot have made gets the same answer as any other unknown id.
        """
        return decoded(self.route.get(name, ""))

    @property
    def idempotency_key(self) -> str:
        """The client's name for this request: its repetitions have one effect together.

        Raises:
            InvalidRequest: the header is missing or malformed.
        """
        name = IDEMPOTENCY_KEY.name
        value = self.headers.get(name.lower(), "")
        if not re.fullmatch(IDEMPOTENCY_KEY.pattern, value):
            message = "has to name this request, in 1 to 256 visible ASCII characters"
            raise InvalidRequest(f"{name} {message}.", faults=[Fault("header", name, message)])
        return value

    def prefers(self, media_type: str) -> bool:
        """Whether the client prefers this media type to JSON, which is the default."""
        return prefers(self.headers.get("accept", ""), media_type)


def read_raw_body(req: func.HttpRequest, max_bytes: int) -> bytes:
    """The bytes of the body.

    Raises:
        BodyTooLarge: it is over the limit.
        BodyEncoded: it is compressed.
        LengthRequired: it came in chunks, which the platform does not pass on.
    """
    raw = req.get_body() or b""
    if not raw:
        if "transfer-encoding" in req.headers:
            raise LengthRequired
        return raw
    codings = req.headers.get("content-encoding", "").split(",")
    if {coding.strip().lower() for coding in codings} - {"", "identity"}:
        raise BodyEncoded
    if len(raw) > max_bytes:
        raise BodyTooLarge(f"The body is over {max_bytes} bytes.")
    return raw


def read_query[Q: Query](req: func.HttpRequest, query: type[Q]) -> Q:
    """Read the query string by its type, and nothing else of the request.

    Raises:
        InvalidRequest: with every fault.
    """
    faults: list[Fault] = []
    read = _validated_query(req, query, faults)
    if read is None:
        raise _invalid(faults)
    return read


def read_request[Q: Query, B: Body](
    req: func.HttpRequest, query: type[Q], body: type[B]
) -> tuple[Q, B]:
    """Read the query string and the body by their types.

    Raises:
        InvalidRequest: with every fault of both.
        BodyTooLarge, BodyEncoded, LengthRequired, NotJson: the body was not parsed.
    """
    faults: list[Fault] = []
    raw = read_raw_body(req, body.max_bytes)
    if raw and not _is_json(req):
        raise NotJson
    query_read = _validated_query(req, query, faults)
    body_read = None
    if len(raw) > _SMALL and _has_too_many_values(raw):
        faults.append(Fault("body", "", f"has more than {_MOST_VALUES} values"))
    elif raw:
        body_read = _validated(body, lambda: body.model_validate_json(raw), "body", faults)
    else:
        body_read = _validated(body, lambda: _of_nothing(body), "body", faults)
    if query_read is None or body_read is None:
        raise _invalid(faults)
    return query_read, body_read


def _is_json(req: func.HttpRequest) -> bool:
    media_type: str = req.headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower() == "application/json"


def _validated_query[Q: Query](
    req: func.HttpRequest, query: type[Q], faults: list[Fault]
) -> Q | None:
    parameters = _parameters(req)
    if parameters is None:
        faults.append(
            Fault("query", "", f"has more than {_MOST_PARAMETERS} parameters, or too many escapes")
        )
        return None
    if not parameters:
        return _validated(query, lambda: _of_nothing(query), "query", faults)
    return _validated(query, lambda: query.model_validate(parameters), "query", faults)


@cache
def _of_nothing[M: BaseModel](model: type[M]) -> M:
    """The query or the body of a request that has none. It is made once, and requests share it, so
    no field of a model may be mutable.

    Raises:
        ValidationError: something has to be there.
    """
    return model.model_validate({})


def _parameters(req: func.HttpRequest) -> dict[str, str] | None:
    """The query's parameters, a repeated one's values joined by commas; None if there are too many.

    They are read from the URL: the platform's own leave out empty values, and take names that
    differ in case for one.
    """
    found, query = dict[str, str](), req.url.partition("?")[2]
    if query.count("&") > _MOST_PAIRS or query.count("%") > _MOST_ESCAPES:
        return None
    for name, value in parse_qsl(query, keep_blank_values=True) if query else ():
        found[name] = f"{found[name]},{value}" if name in found else value
    parameters = {**req.params, **found}
    return parameters if len(parameters) <= _MOST_PARAMETERS else None


def _has_too_many_values(raw: bytes) -> bool:
    """Counts what objects and lists hold. The validation refuses what is no JSON."""
    # No valid body has so many brackets, and so many empty objects are dear to parse.
    if raw.count(b"{") + raw.count(b"[") > _MOST_BRACKETS:
        return True
    try:
        unseen = [from_json(raw)]
    except ValueError:
        return False
    count = 0
    while unseen and count <= _MOST_VALUES:
        value = unseen.pop()
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            count += len(value)
            unseen += value[:_MOST_VALUES]
    return count > _MOST_VALUES


def _invalid(faults: list[Fault]) -> InvalidRequest:
    listed = [f"{f.where} {f.field}".strip() + f": {f.message}" for f in faults[:_MOST_IN_DETAIL]]
    return InvalidRequest("; ".join(listed), faults=faults)


def _validated[M: BaseModel](
    model: type[M], validate: Callable[[], M], where: str, faults: list[Fault]
) -> M | None:
    try:
        return validate()
    except ValidationError as error:
        faults += faults_of(error, model, where)
        return None
