"""Reads Bicep with tree-sitter's grammar: what a file declares, and what is wrong in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

# Bicep's own functions, as far as infra/ uses them, and what lies in every file's scope.
BUILT_IN = frozenset(
    (
        *("empty", "environment", "filter", "guid", "int", "items", "json", "subscription"),
        *("readEnvironmentVariable", "subscriptionResourceId", "tenant", "toObject", "union"),
        "uniqueString",
    )
)
DECORATORS = frozenset(
    ("allowed", "description", "maxLength", "maxValue", "minLength", "minValue", "secure")
)

type Value = "str | int | bool | Expression | dict[str, Value] | list[Value]"


@dataclass(frozen=True)
class Expression:
    """An expression that Azure evaluates: its text."""

    text: str


@dataclass(frozen=True)
class Parameter:
    type: str
    secure: bool
    has_default: bool


@dataclass(frozen=True)
class Resource:
    """A resource or a module; of those in a loop or under a condition, what is made each time."""

    kind: str
    version: str
    body: dict[str, Value]


@dataclass
class BicepFile:
    """What a file declares.

    Attributes:
        broken: places that are no Bicep.
        used: symbols that its expressions name, without those of loops and lambdas.
    """

    broken: list[str] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    modules: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def declared(self) -> set[str]:
        return {*self.parameters, *self.variables, *self.resources, *self.modules}


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_bicep.language()))


@cache
def read(text: str) -> BicepFile:
    """What a file declares; nobody changes the answer."""
    root = _parser().parse(text.encode()).root_node
    file = BicepFile()
    file.broken = [
        f"line {node.start_point.row + 1}: {_text(node)[:40]!r}"
        for node in _walk(root)
        if node.is_error or node.is_missing
    ]
    decorators: list[Node] = []
    for node in root.named_children:
        if node.type == "decorators":
            decorators = node.named_children
            file.used |= {name for one in decorators for name in _names(one)} - DECORATORS
            continue
        _declare(file, node, decorators)
        decorators = []
    file.used -= BUILT_IN
    return file


def _declare(file: BicepFile, node: Node, decorators: list[Node]) -> None:
    parts = [part for part in node.named_children if part.type != "comment"]
    if node.type not in (
        *("parameter_declaration", "variable_declaration", "resource_declaration"),
        *("module_declaration", "output_declaration"),
    ):
        return
    name = _text(parts[0])
    rest = [part for part in parts[1:] if part.type != "type"]
    for part in rest:
        file.used |= _names(part)
    match node.type:
        case "parameter_declaration":
            secure = any("secure" in _text(one) for one in decorators)
            kind = next((_text(part) for part in parts if part.type == "type"), "")
            file.parameters[name] = Parameter(kind, secure, bool(rest))
        case "variable_declaration":
            file.variables[name] = value_of(rest[-1])
        case "output_declaration":
            file.outputs[name] = _text(rest[-1])
        case kind:
            what, _, version = _text(rest[0]).strip("'").partition("@")
            made = Resource(what, version, _body(rest[-1]))
            (file.resources if kind == "resource_declaration" else file.modules)[name] = made


def _body(node: Node) -> dict[str, Value]:
    """The object of a resource, also inside of `if (…)` and `[for …]`."""
    while node.type in ("if_statement", "for_statement"):
        node = node.named_children[-1]
    value = value_of(node)
    return value if isinstance(value, dict) else {}


def value_of(node: Node) -> Value:
    match node.type:
        case "object":
            return {
                _text(one.named_children[0]).strip("'"): value_of(one.named_children[-1])
                for one in node.named_children
                if one.type == "object_property"
            }
        case "array":
            return [value_of(one) for one in node.named_children if one.type != "comment"]
        case "string":
            return _text(node)[1:-1]
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case _:
            return Expression(_text(node))


def _names(node: Node) -> set[str]:
    """The symbols that an expression names, without those that it declares itself."""
    own: set[str] = set()
    found: set[str] = set()
    for one in _walk(node):
        if one.type in ("for_statement", "lambda_expression"):
            own.add(_text(one.named_children[0]))
        elif one.type == "identifier" and not _is_key(one):
            found.add(_text(one))
    return found - own


def _is_key(node: Node) -> bool:
    parent = node.parent
    return (
        parent is not None
        and parent.type == "object_property"
        and parent.named_children[0].id == node.id
        and len(parent.named_children) > 1
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
