"""Links of OpenAPI: the operations that can be asked next, with an id of a request or its answer.

An operation declares their paths (`Operation.links`); the operations are found here.
"""

from collections.abc import Iterable
from typing import Any

from shared.openapi.functions import DescribedOperation


def links_of(
    one: DescribedOperation, found: Iterable[DescribedOperation]
) -> dict[str, dict[str, Any]]:
    """The operations that can be asked next, by their ids."""
    declared = getattr(one.operation, "links", {})
    return {
        target.id: {
            "operationId": target.id,
            "parameters": {
                name: expression if name == _last_parameter(path) else f"$request.path.{name}"
                for name in target.parameters
            },
        }
        for path, expression in declared.items()
        for target in found
        if target is not one
        and f"{target.path}/".startswith(f"{path}/")
        and {*target.parameters} <= {*one.parameters, _last_parameter(path)}
    }


def add_links(responses: dict[str, dict[str, Any]], links: dict[str, dict[str, Any]]) -> None:
    """To each answer in JSON that is no problem."""
    for response in responses.values():
        if "application/json" in response.get("content", {}):
            response["links"] = links


def _last_parameter(path: str) -> str:
    return path.rpartition("{")[2].rstrip("}")
