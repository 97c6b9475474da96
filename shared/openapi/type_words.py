"""Types of the description, in the words of the page docs/api.md."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

type Described = Mapping[str, Any]

_FORMATS: Mapping[str, str] = {
    "date-time": "time (RFC 3339)",
    "uuid": "GUID",
    "visible-text": "text",
    "teams-meeting-link": "link to a Teams meeting",
}
# Patterns that have a name people know.
_PATTERNS: Mapping[str, str] = {
    r"^\+[1-9][0-9]{1,14}$": "phone number such as `+14255550123`",
    "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$": "GUID",
}


_SIMPLE: Mapping[str, str] = {
    "object": "object",
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
}


def anchor(title: str) -> str:
    """The anchor of a heading, as GitHub and Zensical both make it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def link(title: str) -> str:
    return f"[`{title}`](#{anchor(title)})"


def fields_of(schema: Described, document: Described) -> Iterator[str]:
    """The table of an object's fields."""
    yield "| field | value |"
    yield "|---|---|"
    needed = schema.get("required", ())
    for name, field in schema["properties"].items():
        words = type_in_words(field, document)
        if "default" in field:
            words += f"; default `{json.dumps(field['default'])}`"
        elif name not in needed:
            words += "; may be left out"
        yield f"| `{name}` | {words} |"


def type_in_words(schema: Described, document: Described) -> str:
    """Such as "list of at most 50 [TargetBody](#targetbody)"."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = document["components"]["schemas"][name]
        return f"[{name}](#{anchor(name)})" if "properties" in target else _words(target, document)
    return _words(schema, document)


def _words(schema: Described, document: Described) -> str:
    if "anyOf" in schema:
        return _choice(schema["anyOf"], document)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        items = type_in_words(schema["items"], document)
        each = f"values, each {items}" if items.startswith("one of") else items
        return f"list of {_bounds(schema, 'Items')}{each}"
    if schema.get("type") == "string":
        return _text(schema)
    return _SIMPLE.get(schema.get("type", ""), "any JSON") + _range(schema)


def _choice(options: list[Described], document: Described) -> str:
    """In a request null means that the field is left out; for an answer it is named."""
    some = [type_in_words(one, document) for one in options if one != {"type": "null"}]
    if len(some) > 1:  # what exports hold
        return " or ".join(dict.fromkeys(some))
    return some[0] + (", or `null`" if len(some) < len(options) else "")


def _text(schema: Described) -> str:
    pattern = schema.get("pattern", "")
    if pattern in _PATTERNS:
        return _PATTERNS[pattern]
    words = _FORMATS.get(schema.get("format", ""), "text")
    if "maxLength" in schema:
        words += f" of {_bounds(schema, 'Length')}characters"
    return f"{words} `{pattern}`".replace("|", "\\|") if pattern else words


def _bounds(schema: Described, of: str) -> str:
    least, most = schema.get(f"min{of}", 0), schema.get(f"max{of}")
    if most is None:
        return ""
    return f"{least} to {most:,} " if least else f"at most {most:,} "


def _range(schema: Described) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" from {schema['minimum']:,} to {schema['maximum']:,}"
    return ""
