"""A row of the authorization matrix: the requests to an operation, and its answer to each
caller."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.openapi.callers import Scene

# The key of the answer to all other callers whom the roles admit.
OTHERS = "others"
NOT_FOUND, INVALID = "404 not-found", "400 invalid-request"
UNAUTHENTICATED, FORBIDDEN = "401 unauthenticated", "403 forbidden"


def no_ids(_scene: Scene) -> Awaitable[Mapping[str, str]]:
    async def none() -> Mapping[str, str]:
        return {}

    return none()


@dataclass(frozen=True, kw_only=True)
class Row:
    """Attributes:
    answers: status and problem, by caller, of those whom the roles admit.
    role, app_role: as in `Operation`.
    ids: makes what the path leads to; the ids, by their names in the path, and those that only one
        caller names, as `NAME of CALLER`.
    unknown: ids of the same form that lead nowhere.
    body, headers: what is sent, besides the bearer token.
    erased: the answer to a person whose token is older than their erasure.
    watch: what the owner sees at this path stays as it was, whoever else asks.
    hidden: whose id is in an answer for `told` alone.
    is_public, is_callback: needs no sign-in; is for another service, whose proof nobody here has.
    has_new_callers: ends with the callers being erased, so they are nobody whom others need.
    """

    answers: Mapping[str, str]
    role: str | None = None
    app_role: str | None = None
    ids: Callable[[Scene], Awaitable[Mapping[str, str]]] = no_ids
    unknown: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[Scene], object] | None = None
    headers: Callable[[Scene], Mapping[str, str]] = lambda _scene: {}
    erased: str = UNAUTHENTICATED
    watch: str | None = None
    hidden: Callable[[Scene], str] | None = None
    told: frozenset[str] = frozenset()
    is_public: bool = False
    is_callback: bool = False
    has_new_callers: bool = False
