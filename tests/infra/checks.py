"""What must hold of infra/: each check returns the faults that it finds, in words.

`faults` takes the files as texts, so that a test can plant a fault in a copy.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.infra.bicep import BicepFile, Expression, Resource, Value, read
from tests.support.stack import ROOT

MAIN = "main.bicep"
PARAMETERS = "main.bicepparam"
APP = "modules/app.bicep"
STORAGE = "modules/storage.bicep"

# The required values, by file and symbol, then by path. They keep keys out and networks closed.
POLICY: dict[tuple[str, str], dict[str, Value]] = {
    (STORAGE, "account"): {
        "properties.allowSharedKeyAccess": False,
        "properties.allowBlobPublicAccess": False,
        "properties.allowCrossTenantReplication": False,
        "properties.defaultToOAuthAuthentication": True,
        "properties.supportsHttpsTrafficOnly": True,
        "properties.minimumTlsVersion": "TLS1_2",
    },
    (STORAGE, "deployments"): {"properties.publicAccess": "None"},
    ("modules/communication.bicep", "communication"): {
        "location": "global",
        "properties.disableLocalAuth": True,
        "properties.dataLocation": Expression("dataLocation"),
    },
    ("modules/monitoring.bicep", "insights"): {"properties.DisableLocalAuth": True},
    ("modules/monitoring.bicep", "workspace"): {
        "properties.features.disableLocalAuth": True,
        "properties.workspaceCapping.dailyQuotaGb": Expression("gigabytes"),
    },
    ("modules/vault.bicep", "vault"): {"properties.enableRbacAuthorization": True},
    ("modules/vault.bicep", "key"): {"properties.value": Expression("eventGridKey")},
    (APP, "plan"): {"sku.name": "FC1", "sku.tier": "FlexConsumption", "properties.reserved": True},
    (APP, "app"): {
        "kind": "functionapp,linux",
        "identity.type": "UserAssigned",
        "properties.httpsOnly": True,
        "properties.keyVaultReferenceIdentity": Expression("identityId"),
        "properties.functionAppConfig.runtime.name": "python",
        "properties.functionAppConfig.runtime.version": "3.13",
        "properties.functionAppConfig.deployment.storage.authentication.type": (
            "UserAssignedIdentity"
        ),
        "properties.functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency": (
            Expression("httpConcurrency")
        ),
        "properties.functionAppConfig.siteUpdateStrategy.type": Expression("siteUpdateStrategy"),
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.ftpsState": "Disabled",
        "properties.siteConfig.cors.allowedOrigins": Expression("allowedOrigins"),
        "properties.siteConfig.cors.supportCredentials": False,
    },
    (APP, "passwords"): {"properties.allow": False},
}
_ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "communicationServiceOwner": "09976791-48a7-449e-bb21-39d1a415f350",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
}
# Every assignment that there is: where it is, its scope, its role and who gets it.
ASSIGNMENTS = {
    (STORAGE, "account", "storageBlobDataOwner", "appPrincipalId"),
    (STORAGE, "account", "storageTableDataContributor", "appPrincipalId"),
    (STORAGE, "account", "storageTableDataContributor", "deployerId"),
    ("modules/communication.bicep", "communication", "communicationServiceOwner", "appPrincipalId"),
    ("modules/monitoring.bicep", "insights", "monitoringMetricsPublisher", "appPrincipalId"),
    ("modules/vault.bicep", "vault", "keyVaultSecretsUser", "appPrincipalId"),
}
# What Azure takes as a name. `${token}` stands for the 13 characters of uniqueString.
NAMES = {
    "identity": r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
    "storage": r"[a-z0-9]{3,24}",
    "communication": r"[A-Za-z0-9-]{1,63}",
    "monitoring": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "vault": r"[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "page": r"[A-Za-z0-9-]{1,40}",
    # The host shortens an app's name to 32 characters: two longer ones would share its locks.
    "app": r"[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]",
    "budget": r"[A-Za-z0-9_-]{1,63}",
}
_TOKEN = "abcdefghijklm"
_SECRETS = re.compile(r"listKeys|listAccountKeys|AccountKey=|accesskey=|listSecrets", re.IGNORECASE)
_SECRET_NAME = re.compile(r"(key|secret|password|connectionString)$", re.IGNORECASE)


def infra() -> dict[str, str]:
    """The files of infra/, by their paths in it."""
    folder = ROOT / "infra"
    found = [*folder.rglob("*.bicep"), *folder.rglob("*.bicepparam")]
    return {str(Path(file).relative_to(folder)): file.read_text("utf-8") for file in found}


def faults(texts: Mapping[str, str]) -> list[str]:
    """All faults of all checks."""
    read_texts = {
        # The grammar has no parameter with a value and without a type.
        name: read(re.sub(r"^param ", "var ", text, flags=re.M) if name == PARAMETERS else text)
        for name, text in texts.items()
    }
    found = [
        f"{name}: broken at {where}" for name, file in read_texts.items() for where in file.broken
    ]
    for check in CHECKS:
        found += check(read_texts)
    found += [
        f"{name}: {word.group()} hands out a key"
        for name, text in texts.items()
        for word in _SECRETS.finditer(text)
    ]
    return found


def _symbols(files: Mapping[str, BicepFile]) -> Iterator[str]:
    for name, file in files.items():
        yield from (f"{name}: {one} is not declared" for one in sorted(file.used - file.declared))
        if name != PARAMETERS:
            unused = {*file.parameters, *file.variables} - file.used
            yield from (f"{name}: {one} is not used" for one in sorted(unused))


def _modules(files: Mapping[str, BicepFile]) -> Iterator[str]:
    main = files[MAIN]
    used = {module.kind for module in main.modules.values()}
    yield from (
        f"{name} is no module of main"
        for name in files
        if name.startswith("modules/") and name not in used
    )
    for symbol, module in main.modules.items():
        file = files.get(module.kind)
        if file is None or module.kind.startswith(("br:", "br/", "ts:")):
            yield f"{symbol}: {module.kind} is not in infra/"
            continue
        given = module.body.get("params", {})
        if set(given if isinstance(given, dict) else ()) != set(file.parameters):
            yield f"{symbol}: its params are not those of {module.kind}"
    everything = json.dumps(
        [main.outputs, {s: m.body for s, m in main.modules.items()}], default=repr
    )
    for symbol, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", everything):
        kind = main.modules[symbol].kind if symbol in main.modules else ""
        if kind not in files or output not in files[kind].outputs:
            yield f"{symbol} has no output {output}"
    if set(files[PARAMETERS].variables) != set(main.parameters):
        yield f"{PARAMETERS} does not set the params of {MAIN}"


def _policy(files: Mapping[str, BicepFile]) -> Iterator[str]:
    for (name, symbol), wanted in POLICY.items():
        resource = files[name].resources.get(symbol)
        for path, value in wanted.items():
            found = None if resource is None else at(resource, path)
            if found != value:
                yield f"{name}: {symbol}.{path} is {found!r}, not {value!r}"
    for name, file in files.items():
        for symbol, resource in file.resources.items():
            if "preview" in resource.version:
                yield f"{name}: {symbol} is of a preview"


def _roles(files: Mapping[str, BicepFile]) -> Iterator[str]:
    found = set()
    for name, file in files.items():
        for symbol, resource in file.resources.items():
            if resource.kind != "Microsoft.Authorization/roleAssignments":
                continue
            role = re.search(r", (\w+)\)$", _text(at(resource, "properties.roleDefinitionId")))
            scope, who = (_text(at(resource, path)) for path in ("scope", "properties.principalId"))
            chosen = role.group(1) if role else ""
            found.add((name, scope, chosen, who))
            if file.variables.get(chosen) != _ROLES.get(chosen, "none"):
                yield f"{name}: {symbol} has another role than {chosen}"
            if _text(at(resource, "name")) != f"guid({scope}.id, {who}, {chosen})":
                yield f"{name}: {symbol} is not named for its scope, role and principal"
    yield from (f"no assignment is {one}" for one in sorted(ASSIGNMENTS - found))
    yield from (f"nobody has asked for {one}" for one in sorted(found - ASSIGNMENTS))


def _secure(files: Mapping[str, BicepFile]) -> Iterator[str]:
    for name, file in files.items():
        for parameter, one in file.parameters.items():
            if _SECRET_NAME.search(parameter) and not one.secure:
                yield f"{name}: {parameter} is not secure"
            if one.secure and one.has_default:
                yield f"{name}: {parameter} is written down"
            shown = [text for text in file.outputs.values() if re.search(rf"\b{parameter}\b", text)]
            if one.secure and shown:
                yield f"{name}: {parameter} is an output"


def _names(files: Mapping[str, BicepFile]) -> Iterator[str]:
    main = files[MAIN]
    for symbol, module in main.modules.items():
        given = module.body.get("params", {})
        name = str(given.get("name", "")) if isinstance(given, dict) else ""
        if not re.fullmatch(NAMES.get(symbol, "$^"), name.replace("${token}", _TOKEN)):
            yield f"{symbol}: {name} is no name in Azure"
    tags = [
        at(files[APP].resources["app"], "tags"),
        at(files["modules/page.bicep"].resources["page"], "tags"),
    ]
    for tag, service in zip(tags, ("api", "web"), strict=True):
        if f"'azd-service-name': '{service}'" not in _text(tag):
            yield f"azd would not find the service {service}"


CHECKS: tuple[Callable[[Mapping[str, BicepFile]], Iterator[str]], ...] = (
    *(_symbols, _modules, _policy, _roles, _secure, _names),
)


def at(resource: Resource, path: str) -> Value | None:
    """The value at a path such as `properties.features.x`; None if there is none."""
    value: Value | None = resource.body
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Value | None) -> str:
    return value.text if isinstance(value, Expression) else str(value)
