"""Route templates of function.json, matched as the Functions host (ASP.NET Core) matches them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"\{(?P<rest>\*{0,2})(?P<name>\w+)(?P<constraints>(?::[^{}?]+)*)(?P<optional>\??)\}"
)
_CONSTRAINT = re.compile(r"(?P<name>\w+)(?:\((?P<arguments>[^)]*)\))?")


class RouteError(ValueError):
    """A template that this host cannot honour; the message names it."""


@dataclass(frozen=True)
class Literal:
    text: str


@dataclass(frozen=True)
class Parameter:
    name: str
    accepts: tuple[Callable[[str], bool], ...]
    optional: bool
    rest: bool


@dataclass(frozen=True)
class Route:
    """A template, ready to match."""

    template: str
    segments: tuple[Literal | Parameter, ...]

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sort key: literals before constrained parameters before plain ones before the rest."""
        return tuple(_weight(segment) for segment in self.segments)

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The parameters of a path given as decoded segments, or None where it does not match."""
        found: dict[str, str] = {}
        for position, expected in enumerate(self.segments):
            if isinstance(expected, Parameter) and expected.rest:
                found[expected.name] = "/".join(segments[position:])
                return found
            if position >= len(segments):
                if isinstance(expected, Parameter) and expected.optional:
                    continue
                return None
            given = segments[position]
            if isinstance(expected, Literal):
                if given.lower() != expected.text.lower():
                    return None
            elif all(accept(given) for accept in expected.accepts):
                found[expected.name] = given
            else:
                return None
        return found if len(segments) <= len(self.segments) else None


def parse(template: str) -> Route:
    """Read a template such as `friends/{friendId?}`.

    Raises:
        RouteError: a segment mixes text and parameters, or a constraint is unknown here.
    """
    parts = [part for part in template.strip("/").split("/") if part]
    return Route(template, tuple(_segment(part, template) for part in parts))


def split_path(raw_path: str) -> list[str] | None:
    """Decode the raw path into segments; None for what Azure's front ends refuse.

    A slash hidden as %2F never reaches a function in Azure: the path is not found.
    """
    path = raw_path.removeprefix("/").removesuffix("/")
    parts = path.split("/") if path else []
    if any("%2f" in part.lower() or not part for part in parts):
        return None
    try:
        return [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        return None


def by_precedence[T](entries: Iterable[T], route_of: Callable[[T], Route]) -> list[T]:
    """Order entries so that the first match is the one that Azure would choose."""
    return sorted(entries, key=lambda entry: route_of(entry).precedence)


def _weight(segment: Literal | Parameter) -> int:
    match segment:
        case Literal():
            return 0
        case Parameter(rest=True):
            return 3
        case Parameter(accepts=()):
            return 2
        case _:
            return 1


def _segment(part: str, template: str) -> Literal | Parameter:
    if "{" not in part and "}" not in part:
        return Literal(part)
    found = _PARAMETER.fullmatch(part)
    if found is None:
        raise RouteError(f"route '{template}': segment '{part}' is not supported by this host")
    constraints = [text for text in found["constraints"].split(":") if text]
    return Parameter(
        name=found["name"],
        accepts=tuple(_constraint(text, template) for text in constraints),
        optional=bool(found["optional"]),
        rest=bool(found["rest"]),
    )


def _constraint(text: str, template: str) -> Callable[[str], bool]:
    found = _CONSTRAINT.fullmatch(text)
    maker = _CONSTRAINTS.get(found["name"].lower()) if found else None
    if found is None or maker is None:
        raise RouteError(f"route '{template}': constraint '{text}' is unknown to this host")
    try:
        return maker(*(int(number) for number in (found["arguments"] or "").split(",") if number))
    except (TypeError, ValueError) as error:
        raise RouteError(f"route '{template}': constraint '{text}' has wrong arguments") from error


def _pattern(pattern: str) -> Callable[[], Callable[[str], bool]]:
    compiled = re.compile(pattern, re.ASCII | re.IGNORECASE)
    return lambda: lambda value: compiled.fullmatch(value) is not None


def _length(low: int, high: int | None = None) -> Callable[[str], bool]:
    most = low if high is None else high
    return lambda value: low <= len(value) <= most


_GUID = r"\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?"
_CONSTRAINTS: dict[str, Callable[..., Callable[[str], bool]]] = {
    "int": _pattern(r"[+-]?\d{1,10}"),
    "long": _pattern(r"[+-]?\d{1,19}"),
    "bool": _pattern(r"true|false"),
    "guid": _pattern(_GUID),
    "alpha": _pattern(r"[a-z]*"),
    "length": _length,
    "minlength": lambda low: lambda value: len(value) >= low,
    "maxlength": lambda high: lambda value: len(value) <= high,
}
