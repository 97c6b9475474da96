"""Schemas of the contract's types, as pydantic reads and writes them."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from shared.bodies import Answer, Body, is_absent

type Mode = Literal["validation", "serialization"]

_REF = "#/components/schemas/{model}"
_NULL = {"type": "null"}


class Schemas:
    """Collects the types of a contract, and then describes all of them together, because types
    share parts."""

    def __init__(self) -> None:
        self._wanted = dict[tuple[str, Mode], Any]()

    def want(self, kind: Any, mode: Mode) -> None:
        self._wanted[name_of(kind), mode] = kind

    def build(self) -> tuple[dict[tuple[str, Mode], JsonSchemaValue], dict[str, JsonSchemaValue]]:
        """The schema of each wanted type, by its name and mode; and the parts, by their names."""
        inputs = [(name, mode, TypeAdapter(kind)) for (name, mode), kind in self._wanted.items()]
        schemas, shared = TypeAdapter.json_schemas(
            inputs, ref_template=_REF, schema_generator=_Generator
        )
        parts = dict[str, JsonSchemaValue](shared["$defs"])
        for model in _models():
            if model.__name__ in parts:
                _refine(model, parts[model.__name__])
        return schemas, parts


def name_of(kind: Any) -> str:
    return str(kind.__name__)


class _Generator(GenerateJsonSchema):
    """As pydantic's, without the titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """Null is read where nothing is given; to say so for each field helps nobody."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


def _models() -> Iterator[type[BaseModel]]:
    """The models that are loaded: those of the contract, and those in them."""
    unseen: list[type[BaseModel]] = [BaseModel]
    while unseen:
        model = unseen.pop()
        yield model
        unseen += model.__subclasses__()


def _refine(model: type[BaseModel], schema: JsonSchemaValue) -> None:
    """Add the rules that pydantic does not know."""
    schema.pop("title", None)
    for name, field in model.model_fields.items():
        if field.exclude_if is is_absent:
            _without_null(schema["properties"], field.alias or name)
    if issubclass(model, Answer) and model.model_fields:
        schema["required"] = [  # a default is written too
            field.alias or name
            for name, field in model.model_fields.items()
            if field.exclude_if is not is_absent
        ]
        for described in schema["properties"].values():
            described.pop("default", None)
    if not issubclass(model, Answer) and "extra" not in model.model_config:
        schema["additionalProperties"] = True  # other services add fields; none is refused
    if issubclass(model, Body) and model.alternatives:
        schema["oneOf"] = [_alternative(model, one) for one in model.alternatives]
        # Said too, because not every reader and generator knows what `oneOf` means here.
        schema["description"] += f"\n\n{_alternatives_in_words(model)}"


def _alternative(model: type[Body], one: str) -> JsonSchemaValue:
    needed = [one, *model.partners.get(one, ())]
    given: JsonSchemaValue = {name: {"not": _NULL} for name in needed}
    if model.partners:
        # Without partners `oneOf` says that no other alternative is there.
        partners = {name for names in model.partners.values() for name in names}
        others = {*model.alternatives, *partners} - {*needed}
        given |= dict.fromkeys(sorted(others), _NULL)
    return {"required": needed, "properties": given}


def _alternatives_in_words(model: type[Body]) -> str:
    """Such as "Exactly one of `url` and `text` has to be there, and with `text` also `voice`."."""
    *others, last = [f"`{name}`" for name in model.alternatives]
    words = f"Exactly one of {', '.join(others)} and {last} has to be there"
    for name, partners in model.partners.items():
        also = " and ".join(f"`{partner}`" for partner in partners)
        words += f", and with `{name}`, and only then, also {also}"
    return f"{words}."


def _without_null(properties: dict[str, JsonSchemaValue], name: str) -> None:
    """A field that is left out where it has no value is never null."""
    options = [one for one in properties[name].get("anyOf", []) if one != _NULL]
    if len(options) == 1:
        rest = {key: value for key, value in properties[name].items() if key != "anyOf"}
        properties[name] = {**options[0], **rest}
