"""What pydantic finds wrong with a request, in the words of the contract."""

from collections.abc import Sequence
from typing import TypeAliasType, get_args

from pydantic import BaseModel, ValidationError

from shared.problems import Fault

# Characters of a field's name, which the client chose.
_LONGEST_NAME = 64
# pydantic puts this before the messages of our own validators.
_OWN = "Value error, "


def faults_of(error: ValidationError, model: type[BaseModel], where: str) -> list[Fault]:
    """Every fault; for a field that is unknown, with the names of those that are known.

    Args:
        model: what was to be read.
        where: "query" or "body".
    """
    return [
        Fault(
            where,
            ".".join(str(part) for part in entry["loc"])[:_LONGEST_NAME],
            _unknown(model, entry["loc"][:-1])
            if entry["type"] == "extra_forbidden"
            else entry["msg"].removeprefix(_OWN),
        )
        for entry in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _unknown(model: type[BaseModel], path: Sequence[int | str]) -> str:
    part = _model_at(model, path)
    names = sorted(_fields(part)) if part is not None else []
    return f"is unknown here; known: {', '.join(names) or 'none'}"


def _model_at(model: type[BaseModel], path: Sequence[int | str]) -> type[BaseModel] | None:
    """What a path in a document leads to: the names of fields, and places in lists."""
    found: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, str) and found is not None:
            found = _model_in(_fields(found).get(step))
    return found


def _fields(model: type[BaseModel]) -> dict[str, object]:
    """The type of each field, by its name in the document."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model in a type such as `list[Model] | None`; our types have one at most."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if isinstance(annotation, TypeAliasType):
        return _model_in(annotation.__value__)
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
