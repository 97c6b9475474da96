"""Finds every HTTP operation: what `function.json` and `operation.py` in each folder say."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic.alias_generators import to_camel

from shared.http.operations import (
    CallbackOperation,
    Declared,
    OneOrAll,
    Operation,
    PublicOneOrAll,
    PublicOperation,
)

ROOT = Path(__file__).parents[2]

_OPTIONAL = re.compile(r"/\{\w+\?\}$")

type AnyOperation = Operation[Any, Any] | PublicOperation[Any] | CallbackOperation


@dataclass(frozen=True)
class DescribedOperation:
    """One operation, at one method and path.

    Attributes:
        function: the name of the folder.
        method: in lower case.
        path: below the route prefix, such as `/friends/{friendId}`.
        id: unique among all operations.
        summary, notes: from the docstring: its first sentence, and what follows.
        example: what `example.json` in the folder says.
    """

    function: str
    method: str
    path: str
    id: str
    operation: AnyOperation
    summary: str
    notes: str
    example: Mapping[str, Any]

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"\{(\w+)\}", self.path)


def http_functions() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name of each function with an HTTP trigger, and its trigger."""
    for declared in sorted(ROOT.glob("*/function.json")):
        trigger = json.loads(declared.read_text("utf-8"))["bindings"][0]
        if trigger["type"] == "httpTrigger":
            yield declared.parent.name, trigger


def operations() -> Iterator[DescribedOperation]:
    for name, trigger in http_functions():
        module = importlib.import_module(f"{name}.operation")
        example_file = ROOT / name / "example.json"
        example = json.loads(example_file.read_text("utf-8")) if example_file.exists() else {}
        for path, operation, part in _by_path(module.OPERATION, "/" + trigger["route"]):
            summary, notes = _docs(module, operation, is_whole=part is None)
            for position, method in enumerate(trigger["methods"]):
                by_method = f"By{method.title()}" if position else ""
                yield DescribedOperation(
                    name,
                    method,
                    path,
                    f"{to_camel(operation.handler.__name__)}{by_method}",
                    operation,
                    summary,
                    notes,
                    example if part is None else example.get(part, {}),
                )


def _by_path(declared: Declared, route: str) -> Iterator[tuple[str, AnyOperation, str | None]]:
    """Each path of a function with its operation, and the name of its part of a pair."""
    if isinstance(declared, OneOrAll | PublicOneOrAll):
        yield _OPTIONAL.sub("", route), declared.all, "all"
        yield route.replace("?}", "}"), declared.one, "one"
    else:
        yield route, declared, None


def _docs(module: ModuleType, operation: AnyOperation, *, is_whole: bool) -> tuple[str, str]:
    """Summary and notes: of the module, after method and path; of the handler, if it has two."""
    text = inspect.getdoc(module if is_whole else operation.handler) or ""
    first, _, notes = text.partition("\n\n")
    if is_whole:
        first = first.partition(": ")[2]
    first = " ".join(first.split())
    return first[:1].upper() + first[1:].removesuffix("."), notes
