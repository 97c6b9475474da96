"""The declaration of an HTTP operation in its function folder: `serve` runs requests by it, and the
OpenAPI description (`shared.openapi`) is made from it.

The type of each answer, and so its status, is what the handler is annotated to return.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.app import App
from shared.bodies import Body, Header, Query
from shared.bounds import Limit
from shared.http.answers import Result
from shared.http.requests import Callback, PublicRequest, Request
from shared.problems import (
    BeingErased,
    BodyEncoded,
    BodyTooLarge,
    Forbidden,
    InternalError,
    InvalidRequest,
    LengthRequired,
    Misconfigured,
    NotConfigured,
    NotJson,
    Problem,
    Unauthenticated,
)
from shared.unavailable import KeysUnavailable, StorageUnavailable, TimedOut, Undelivered

if TYPE_CHECKING:  # the verifiers are loaded with the first callback
    from shared.auth.webhooks import SenderVerifier

type Problems = tuple[type[Problem], ...]
# By a path with parameters: where a request, or its answer, says the last of them, as an expression
# of OpenAPI. What is at and below that path can be asked next.
type Links = Mapping[str, str]

_OF_ALL: Problems = (InternalError, Misconfigured)
_OF_BODIES: Problems = (BodyEncoded, BodyTooLarge, InvalidRequest, LengthRequired)
_OF_CALLERS: Problems = (
    *_OF_ALL,
    *_OF_BODIES,
    BeingErased,
    Forbidden,
    KeysUnavailable,
    NotJson,
    StorageUnavailable,
    TimedOut,
    Unauthenticated,
)


class Operation[Q: Query, B: Body](NamedTuple):
    """An operation for signed-in callers.

    Attributes:
        query: what the query string may hold; by default nothing.
        body: what the body may hold; by default nothing. A missing body is read as `{}`.
        role: the app role that every caller needs, users and apps alike.
        service_role: without `role`, the app role that admits an app-only caller besides users;
            by default no app is admitted.
        headers: the request headers that the handler reads, for the description alone.
        problems: what the handler refuses with, besides `implied`; for the description alone.
        limits: what bounds the caller here, besides what bounds every request; their problems need
            not be listed again. For the description alone.
        links: which operations can be asked next; for the description alone.
    """

    handler: Callable[[Request[Q, B]], Awaitable[Result]]
    query: type[Q] = Query  # type: ignore[assignment]
    body: type[B] = Body  # type: ignore[assignment]
    role: str | None = None
    service_role: str | None = None
    headers: tuple[Header, ...] = ()
    problems: Problems = ()
    limits: tuple[Limit, ...] = ()
    links: Links = MappingProxyType({})

    @property
    def implied(self) -> Problems:
        return _OF_CALLERS


class PublicOperation[Q: Query](NamedTuple):
    """An operation that needs no sign-in; `query`, `headers` and `problems` as in `Operation`."""

    handler: Callable[[PublicRequest[Q]], Awaitable[Result]]
    query: type[Q] = Query  # type: ignore[assignment]
    headers: tuple[Header, ...] = ()
    problems: Problems = ()

    @property
    def implied(self) -> Problems:
        return (*_OF_ALL, InvalidRequest)


class Sender(NamedTuple):
    """A service that sends callbacks.

    Attributes:
        name: as the description names it.
        verifier: knows this service alone.
    """

    name: str
    verifier: "Callable[[App], SenderVerifier]"


ACS = Sender("Azure Communication Services", lambda app: app.callback_verifier)
EVENT_GRID = Sender("Event Grid", lambda app: app.event_grid_verifier)


class CallbackOperation(NamedTuple):
    """An operation for callbacks of another service.

    Attributes:
        sender: the one service that may send this callback.
        body: what the handler reads from the body; for the description alone.
        is_urgent: whether a callback that cannot be handled now is answered with `Undelivered`, so
            that it is delivered again soon.
        problems: as in `Operation`.
    """

    handler: Callable[[Callback], Awaitable[Result]]
    sender: Sender
    body: Any
    is_urgent: bool = False
    problems: Problems = ()

    @property
    def implied(self) -> Problems:
        troubles = (
            (Undelivered,) if self.is_urgent else (KeysUnavailable, StorageUnavailable, TimedOut)
        )
        return (*_OF_ALL, *_OF_BODIES, *troubles, NotConfigured, Unauthenticated)


class _OneOrAll[O](NamedTuple):
    """The two operations of a function whose route ends in a segment that may be left out, such as
    `friends/{friendId?}`.

    Attributes:
        segment: its name.
        one: serves requests with the segment.
        all: serves requests without it.
    """

    segment: str
    one: O
    all: O

    def chosen(self, route: Mapping[str, str]) -> O:
        return self.one if route.get(self.segment) else self.all


class OneOrAll(_OneOrAll[Operation[Any, Any]]):
    """Two operations for signed-in callers."""


class PublicOneOrAll(_OneOrAll[PublicOperation[Any]]):
    """Two operations that need no sign-in."""


type Declared = (
    Operation[Any, Any] | PublicOperation[Any] | CallbackOperation | OneOrAll | PublicOneOrAll
)
