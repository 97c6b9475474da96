"""Run by the Python of an environment with Microsoft's management clients (test_models.py).

It reads the resources of infra/ as JSON on standard input, and prints each property or value that
the clients' models do not have. `{"$": …}` stands for an expression that Azure evaluates.
"""

import importlib
import inspect
import json
import re
import sys
from enum import Enum
from typing import Any

# By resource type: the module of the models, and the class of its body.
CLASSES = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("msi.v2024_11_30", "Identity"),
    "Microsoft.Storage/storageAccounts": ("storage", "StorageAccountCreateParameters"),
    "Microsoft.Storage/storageAccounts/blobServices": ("storage", "BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("storage", "BlobContainer"),
    "Microsoft.Storage/storageAccounts/tableServices": ("storage", "TableServiceProperties"),
    "Microsoft.Storage/storageAccounts/tableServices/tables": ("storage", "Table"),
    "Microsoft.Authorization/roleAssignments": (
        *("authorization.v2022_04_01", "RoleAssignmentCreateParameters"),
    ),
    "Microsoft.Communication/communicationServices": (
        *("communication", "CommunicationServiceResource"),
    ),
    "Microsoft.OperationalInsights/workspaces": ("loganalytics", "Workspace"),
    "Microsoft.Insights/components": (
        *("applicationinsights.v2020_02_02", "ApplicationInsightsComponent"),
    ),
    "Microsoft.KeyVault/vaults": ("keyvault", "VaultCreateOrUpdateParameters"),
    "Microsoft.KeyVault/vaults/secrets": ("keyvault", "SecretCreateOrUpdateParameters"),
    "Microsoft.Web/staticSites": ("web", "StaticSiteARMResource"),
    "Microsoft.Web/serverfarms": ("web", "AppServicePlan"),
    "Microsoft.Web/sites": ("web", "Site"),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (
        *("web", "CsmPublishingCredentialsPoliciesEntity"),
    ),
    "Microsoft.Consumption/budgets": ("consumption", "Budget"),
    "Microsoft.Resources/resourceGroups": ("resource.resources", "ResourceGroup"),
}
# Properties that Bicep has for every resource, and that are in no body.
OF_BICEP = {"name", "parent", "scope"}


def main() -> int:
    found = []
    for one in json.load(sys.stdin):
        module, name = CLASSES[one["kind"]]
        models = importlib.import_module(f"azure.mgmt.{module}.models")
        body = {key: value for key, value in one["body"].items() if key not in OF_BICEP}
        found += faults(models, getattr(models, name), body, one["where"])
    print("\n".join(found))
    return 1 if found else 0


def faults(models: Any, model: Any, body: dict[str, Any], where: str) -> list[str]:
    return _faults(models, properties(model), body, where)


def _faults(models: Any, known: dict[str, Any], body: dict[str, Any], where: str) -> list[str]:
    found = []
    for key, value in body.items():
        if key not in known:
            found.append(f"{where}.{key} is unknown")
        elif isinstance(known[key], dict):
            found += _faults(models, known[key], value, f"{where}.{key}")
        else:
            found += value_faults(models, known[key], value, f"{where}.{key}")
    return found


def value_faults(models: Any, kind: str, value: Any, where: str) -> list[str]:
    """`kind` is the text of a type, such as `Optional[list['_models.Sku']]` or `{Sku}`."""
    if isinstance(value, dict) and set(value) == {"$"}:
        return []
    if isinstance(value, list):
        return [fault for one in value for fault in value_faults(models, kind, one, where)]
    mapped = re.search(r"dict\[str, (.*)\]|^\{(.*)\}", kind)
    if mapped and isinstance(value, dict):
        inner = mapped.group(1) or mapped.group(2)
        return [
            fault for one in value.values() for fault in value_faults(models, inner, one, where)
        ]
    named = [
        getattr(models, name) for name in re.findall(r"\b[A-Z]\w+", kind) if hasattr(models, name)
    ]
    if isinstance(value, dict):
        return faults(models, named[0], value, where) if named else [f"{where} is no object"]
    return _text_faults(kind, [one for one in named if issubclass(one, Enum)], value, where)


def _text_faults(kind: str, enums: list[Any], value: Any, where: str) -> list[str]:
    if enums and value not in {member.value for member in enums[0]}:
        return [f"{where}: {value!r} is none of {enums[0].__name__}"]
    numbers = re.search(r"\b(bool|int|float)\b", kind)
    if numbers and isinstance(value, str):
        return [f"{where}: {value!r} is no {numbers.group()}"]
    return []


def properties(model: Any) -> dict[str, Any]:
    """The type of each property of a model, by its name in JSON, as text; where a model is flat,
    what is below a property is a dictionary. Microsoft's generator has two generations: models with
    a map of attributes, and models with annotated fields."""
    if (attributes := getattr(model, "_attribute_map", None)) is not None:
        nested: dict[str, Any] = {}
        for attribute in attributes.values():
            *path, last = attribute["key"].replace("\\.", "\0").split(".")
            place = nested
            for step in path:
                place = place.setdefault(step, {})
            place[last.replace("\0", ".")] = attribute["type"]
        return nested
    model()  # only then the names in JSON are known
    kinds = {
        name: str(kind)
        for one in reversed(model.__mro__)
        for name, kind in inspect.get_annotations(one).items()
    }
    return {field._rest_name: kinds[name] for name, field in model._attr_to_rest_field.items()}


if __name__ == "__main__":
    sys.exit(main())
