"""Checks of infra/ that need no Azure, and the faults that they find."""

import json
import re
import uuid

import pytest

from shared import tables
from shared.operate.deployed_report import known_settings
from shared.settings import _OF_THE_PLATFORM, load
from tests.infra.bicep import BicepFile, read
from tests.infra.checks import APP, PARAMETERS, STORAGE, faults, infra
from tests.support.stack import ROOT

HOLDS_A_KEY = "holds a key"
# Settings of the app that infra/ leaves out, and why.
LEFT_OUT = {
    "COMMUNICATION_CONNECTION_STRING": HOLDS_A_KEY,
    "TABLES_CONNECTION_STRING": HOLDS_A_KEY,
    "AzureWebJobsStorage": "holds a key; the host finds its storage by AzureWebJobsStorage__*",
    "AUTH_USER_CLAIM": "Entra's is the default",
    "AUTH_NAME_CLAIM": "Entra's is the default",
    "AUTH_ROLES_CLAIM": "Entra's is the default",
    "AUTH_EASY_AUTH": "bearer tokens are checked in the code; see docs/deploy.md",
    "EVENT_GRID_AUDIENCE": "Event Grid proves itself by its key",
    "EVENT_GRID_TENANT": "Event Grid proves itself by its key",
    "EVENT_GRID_JWKS_URL": "Event Grid proves itself by its key",
    "CALLBACK_ISSUER": "ACS's is the default",
    "CALLBACK_JWKS_URL": "ACS's is the default",
    "RECORDING_STORAGE_URL": "is for an emulator",
    "IDENTITY_ENDPOINT": "the platform sets it",
    "IDENTITY_HEADER": "the platform sets it",
    "AZURE_CLIENT_SECRET": HOLDS_A_KEY,
    "AZURE_TENANT_ID": "a managed identity needs none",
}

# By file: what is there, what somebody might write, and a word of the fault that is found.
PLANTED = [
    (STORAGE, "allowSharedKeyAccess: false", "allowSharedKeyAccess: true", "allowSharedKeyAccess"),
    (STORAGE, "    allowSharedKeyAccess: false\n", "", "allowSharedKeyAccess"),
    (STORAGE, "allowSharedKeyAccess", "allowSharedKeysAccess", "allowSharedKeyAccess"),
    (STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'", "publicAccess"),
    (STORAGE, "0a9a7e1f-b9d0", "0a9a7e1f-b9d1", "another role"),
    (
        STORAGE,
        "scope: account\n  name: guid(account.id, d",
        "scope: blobs\n  name: guid(account.id, d",
        "no assignment",
    ),
    (
        STORAGE,
        "guid(account.id, appPrincipalId, storageBlobDataOwner)",
        "guid(account.id)",
        "is not named",
    ),
    (STORAGE, "principalId: appPrincipalId", "principalId: deployerId", "no assignment"),
    (STORAGE, "parent: blobs", "parent: blob", "blob is not declared"),
    (STORAGE, "  properties: {\n    publicAccess", "  properties {\n    publicAccess", "broken"),
    (STORAGE, "2024-01-01' = {\n  name: name", "2024-01-01-preview' = {\n  name: name", "preview"),
    (
        "modules/communication.bicep",
        "disableLocalAuth: true",
        "disableLocalAuth: false",
        "disableLocalAuth",
    ),
    ("modules/communication.bicep", "09976791", "b24988ac", "another role"),
    (
        "modules/monitoring.bicep",
        "DisableLocalAuth: true",
        "DisableLocalAuth: false",
        "DisableLocalAuth",
    ),
    ("modules/vault.bicep", "@secure()\n", "", "eventGridKey is not secure"),
    ("modules/vault.bicep", "key.properties.secretUriWithVersion", "eventGridKey", "is an output"),
    ("modules/vault.bicep", "enableRbacAuthorization: true", "accessPolicies: []", "enableRbac"),
    (
        "main.bicep",
        "@secure()\n@minLength(32)\nparam eventGridKey string",
        "param eventGridKey string = 'x'",
        "not secure",
    ),
    ("main.bicep", "param eventGridKey string", "param eventGridKey string = 'x'", "written down"),
    ("main.bicep", "'st${token}'", "'storage-${token}'", "is no name"),
    ("main.bicep", "'func-${token}'", "'trusted-service-app-${token}'", "is no name"),
    (
        "main.bicep",
        "'modules/vault.bicep'",
        "'br/public:avm/res/key-vault/vault:0.9.0'",
        "not in infra/",
    ),
    ("main.bicep", "identity.outputs.clientId", "identity.outputs.appId", "no output appId"),
    (
        "main.bicep",
        "    appPrincipalId: identity.outputs.principalId\n    eventGridKey",
        "    eventGridKey",
        "params are not",
    ),
    (PARAMETERS, "param budgetStart", "param budgetBegin", "does not set"),
    (APP, "version: '3.13'", "version: '3.12'", "runtime.version"),
    (APP, "'FC1'", "'Y1'", "sku.name"),
    (APP, "keyVaultReferenceIdentity: identityId", "", "keyVaultReferenceIdentity"),
    (APP, "perInstanceConcurrency: httpConcurrency", "perInstanceConcurrency: 1", "perInstance"),
    (
        APP,
        "    properties: {\n      allow: false",
        "    properties: {\n      allow: true",
        "passwords",
    ),
    (APP, "'azd-service-name': 'api'", "'azd-service-name': 'app'", "service api"),
    (
        APP,
        "AZURE_CLIENT_ID: identityClientId",
        "AzureWebJobsStorage: 'AccountKey=…'",
        "hands out a key",
    ),
]


@pytest.fixture(scope="module")
def files() -> dict[str, BicepFile]:
    return {name: read(text) for name, text in infra().items() if name != PARAMETERS}


def test_nothing_is_wrong_with_infra() -> None:
    assert faults(infra()) == []


@pytest.mark.parametrize(("name", "there", "planted", "word"), PLANTED)
def test_a_planted_fault_is_found(name: str, there: str, planted: str, word: str) -> None:
    texts = infra()
    assert there in texts[name], "the fault cannot be planted any more"
    texts[name] = texts[name].replace(there, planted)

    assert any(word in fault for fault in faults(texts)), faults(texts)


def test_every_table_is_made(files: dict[str, BicepFile]) -> None:
    made = files[STORAGE].variables["tableNames"]
    assert isinstance(made, list)
    assert {str(name) for name in made} == set(tables.ALL)


def set_by_infra(files: dict[str, BicepFile]) -> set[str]:
    parameters = read(re.sub(r"^param ", "var ", infra()[PARAMETERS], flags=re.M))
    given = [
        *(files[APP].variables[name] for name in ("platformSettings", "ownSettings")),
        parameters.variables["chosenSettings"],
    ]
    return {name for one in given if isinstance(one, dict) for name in one}


def test_every_setting_is_set_or_left_out_on_purpose(files: dict[str, BicepFile]) -> None:
    known, given = known_settings(), set_by_infra(files)

    assert len(known) > 30
    assert known >= set(_OF_THE_PLATFORM)
    assert known - given == set(LEFT_OUT), "set it in infra/, or say why it is left out"
    # What the app never reads is for the Functions host.
    assert {name for name in given - known if not name.startswith("AzureWebJobsStorage__")} == {
        *("APPLICATIONINSIGHTS_CONNECTION_STRING", "APPLICATIONINSIGHTS_AUTHENTICATION_STRING")
    }


def test_what_an_operator_chooses_is_named_like_its_setting() -> None:
    text = infra()[PARAMETERS]
    block = text[text.index("chosenSettings") :]

    assert re.findall(r"(\w+): readEnvironmentVariable\('(\w+)', ''\)", block) == [
        (name, name) for name in re.findall(r"^  (\w+):", block, flags=re.M)
    ]


def test_no_line_of_the_log_is_left_out_by_sampling() -> None:
    """A line of `audit` that is missing would be an erasure of which nobody can tell."""
    host = json.loads((ROOT / "host.json").read_text("utf-8"))

    assert host["logging"]["applicationInsights"]["samplingSettings"]["excludedTypes"] == "Trace"


def test_what_azd_keeps_is_what_an_operators_commands_need(files: dict[str, BicepFile]) -> None:
    kept = dict.fromkeys(files["main.bicep"].outputs, "x")
    for name in ("AUTH_ISSUER", "TABLES_ENDPOINT", "COMMUNICATION_ENDPOINT", "CALLBACK_BASE_URL"):
        assert kept[name]
        kept[name] = "https://x.example"
    kept["COMMUNICATION_RESOURCE_ID"] = str(uuid.UUID(int=1))
    kept["EVENT_GRID_KEY"] = "k" * 32  # by the hook preprovision

    load(kept)  # no setting is missing
