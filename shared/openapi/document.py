"""The whole description: paths, components, and what holds for all of them."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import JsonSchemaValue

from shared.bodies import Body, Header, Query
from shared.http.answers import ProblemDocument
from shared.http.operations import CallbackOperation, Operation, PublicOperation
from shared.http.requests import MAX_CALLBACK_BYTES
from shared.openapi import limits
from shared.openapi.answers import HEADERS, json_types, responses, shared_responses
from shared.openapi.functions import ROOT, DescribedOperation, operations
from shared.openapi.links import add_links, links_of
from shared.openapi.overview import (
    BEARER,
    INFO,
    PATH_PARAMETERS,
    SECURITY_SCHEMES,
    TAGS,
    proofs_of,
)
from shared.openapi.schemas import Mode, Schemas, name_of

DESCRIPTION = ROOT / "docs" / "openapi.json"

type Built = dict[tuple[str, Mode], JsonSchemaValue]


def text_of(document: dict[str, Any]) -> str:
    """As it is stored: the same each time, and with a line for each change."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def description() -> dict[str, Any]:
    """The description of every HTTP function, as OpenAPI 3.1."""
    found = list(operations())
    schemas, parts = _schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for one in found:
        described = paths.setdefault(one.path, {})[one.method] = _operation(one, schemas, parts)
        if links := links_of(one, found):
            add_links(described["responses"], links)
    queries = {name_of(_query(one)) for one in found}
    return {
        "openapi": "3.1.0",
        "info": dict(INFO),
        # Relative to where this document is served from, so it fits wherever the service runs.
        "servers": [{"url": "/api", "description": "This service."}],
        "tags": _tags(found),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: parts[name] for name in sorted(parts) if name not in queries},
            "responses": shared_responses(one.operation for one in found),
            "headers": dict(HEADERS),
            "securitySchemes": dict(SECURITY_SCHEMES),
        },
    }


def _schemas(found: list[DescribedOperation]) -> tuple[Built, dict[str, JsonSchemaValue]]:
    collected = Schemas()
    collected.want(ProblemDocument, "serialization")
    for one in found:
        collected.want(_query(one), "validation")
        if _reads_body(one):
            collected.want(_body(one), "validation")
        for kind in json_types(one.operation):
            collected.want(kind, "serialization")
    return collected.build()


def _query(one: DescribedOperation) -> type[Query]:
    return Query if isinstance(one.operation, CallbackOperation) else one.operation.query


def _body(one: DescribedOperation) -> Any:
    return Body if isinstance(one.operation, PublicOperation) else one.operation.body


def _reads_body(one: DescribedOperation) -> bool:
    return _body(one) is not Body and one.method in ("post", "put")


def _operation(
    one: DescribedOperation, schemas: Built, parts: dict[str, JsonSchemaValue]
) -> dict[str, Any]:
    tag, _ = TAGS[one.path.split("/")[1]]
    roles, notes = _roles(one), one.notes
    if roles:
        notes = "\n\n".join(part for part in (notes, _roles_in_words(roles)) if part)
    described: dict[str, Any] = {
        "operationId": one.id,
        "tags": [tag],
        "summary": one.summary,
        "description": notes or f"{one.summary}.",
        "security": _security(one),
        "x-function": one.function,
    }
    if roles:
        described["x-app-roles"] = roles
    parameters = [*_path_parameters(one), *_query_parameters(one, parts), *_header_parameters(one)]
    if parameters:
        described["parameters"] = parameters
    if _reads_body(one):
        described["requestBody"] = _request_body(one, schemas, parts)
    described["x-limits"] = limits.described(limits.limits_of(one))
    described["responses"] = responses(
        one.operation, one.example.get("answer"), has_body=one.method != "head"
    )
    return described


def _roles(one: DescribedOperation) -> dict[str, list[str]]:
    """By kind of caller, the app roles that they need. A kind that is not named is refused."""
    if not isinstance(one.operation, Operation):
        return {}
    role, service_role = one.operation.role, one.operation.service_role
    if role is not None:
        return {"user": [role], "app": [role]}
    return {"user": [], **({"app": [service_role]} if service_role is not None else {})}


def _roles_in_words(roles: dict[str, list[str]]) -> str:
    if roles["user"]:
        return f"For callers, users and apps alike, with the app role `{roles['user'][0]}`."
    if "app" in roles:
        return f"For signed-in users, and for apps with the app role `{roles['app'][0]}`."
    return "For signed-in users."


def _security(one: DescribedOperation) -> list[dict[str, list[str]]]:
    match one.operation:
        case Operation():
            return [{BEARER: []}]
        case CallbackOperation(sender=sender):
            return proofs_of(sender)
        case PublicOperation():
            return []


def _path_parameters(one: DescribedOperation) -> Iterator[dict[str, Any]]:
    for name in one.parameters:
        words, schema, example = PATH_PARAMETERS[name]
        common = {"name": name, "in": "path", "required": True, "description": words}
        yield {**common, "schema": dict(schema), "example": example}


def _query_parameters(
    one: DescribedOperation, parts: dict[str, JsonSchemaValue]
) -> Iterator[dict[str, Any]]:
    query = parts[name_of(_query(one))]
    examples = one.example.get("query", {})
    for name, field in query.get("properties", {}).items():
        # Null is how a missing parameter is read; no text of a query means it.
        schema = next(part for part in field["anyOf"] if part != {"type": "null"})
        parameter = {"name": name, "in": "query", "schema": schema}
        if schema.get("type") == "array":  # several values are joined by commas
            parameter |= {"style": "form", "explode": False}
        if name in examples:
            parameter["example"] = examples[name]
        yield parameter


def _header_parameters(one: DescribedOperation) -> Iterator[dict[str, Any]]:
    headers: tuple[Header, ...] = getattr(one.operation, "headers", ())
    examples = one.example.get("headers", {})
    for header in headers:
        schema = {"type": "string", **({"pattern": header.pattern} if header.pattern else {})}
        parameter = {
            "name": header.name,
            "in": "header",
            "required": header.is_required,
            "description": header.description,
            "schema": schema,
        }
        if header.name in examples:
            parameter["example"] = examples[header.name]
        yield parameter


def _request_body(
    one: DescribedOperation, schemas: Built, parts: dict[str, JsonSchemaValue]
) -> dict[str, Any]:
    name = name_of(_body(one))
    described = parts.get(name, {})
    content = {"schema": schemas[name, "validation"]}
    if "request" in one.example:
        content["example"] = one.example["request"]
    is_optional = "required" not in described and "oneOf" not in described
    is_array = described.get("type") == "array"
    is_callback = isinstance(one.operation, CallbackOperation)
    limit = MAX_CALLBACK_BYTES if is_callback else _body(one).max_bytes
    return {
        "description": f"At most {limit:,} bytes.",
        "required": is_array or not is_optional,
        "content": {"application/json": content},
    }


def _tags(found: list[DescribedOperation]) -> list[dict[str, str]]:
    """Those that are used, in the order of the overview."""
    used = {TAGS[one.path.split("/")[1]][0] for one in found}
    words = dict[str, str]()
    for name, description in TAGS.values():
        if name in used:
            words[name] = words.get(name) or description
    return [{"name": name, "description": description} for name, description in words.items()]
