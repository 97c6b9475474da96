"""Every property and value of infra/ is one of Microsoft's own models: an environment with the
management clients is made for it, which takes a minute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.bicep import Expression, read
from tests.infra.checks import APP, PARAMETERS, STORAGE, infra
from tests.support.stack import ROOT

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

HERE = Path(__file__).parent

# By file: the text there, a wrong text that somebody might write, and the fault that the models
# report.
PLANTED = [
    (
        STORAGE,
        "allowSharedKeyAccess:",
        "allowSharedKeysAccess:",
        "allowSharedKeysAccess is unknown",
    ),
    (STORAGE, "'StorageV2'", "'StorageV3'", "'StorageV3' is none of Kind"),
    (STORAGE, "'TLS1_2'", "'TLS12'", "'TLS12' is none of MinimumTlsVersion"),
    (STORAGE, "principalId: appPrincipalId", "principal: appPrincipalId", "principal is unknown"),
    (APP, "instanceMemoryMB", "instanceMemory", "instanceMemory is unknown"),
    (APP, "type: 'blobContainer'", "type: 'blob'", "'blob' is none of"),
    (APP, "httpsOnly: true", "httpsOnly: 'true'", "'true' is no bool"),
    ("modules/vault.bicep", "'standard'", "'basic'", "'basic' is none of SkuName"),
    ("modules/budget.bicep", "'Monthly'", "'Weekly'", "'Weekly' is none of TimeGrainType"),
    ("modules/monitoring.bicep", "DisableLocalAuth", "disableLocalAuths", "disableLocalAuths is"),
    ("modules/communication.bicep", "disableLocalAuth", "localAuth", "localAuth is unknown"),
    ("main.bicep", "  location: location\n  tags: tags", "  region: location", "region is unknown"),
    ("modules/page.bicep", "'Disabled'", "'Off'", "'Off' is none of StagingEnvironmentPolicy"),
]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*install, "-r", str(HERE / "model_requirements.txt")], check=True, cwd=ROOT)
    return folder / "bin" / "python"


def unknown_to_models(python: Path, texts: dict[str, str]) -> list[str]:
    resources = [
        {"where": f"{name}: {symbol}", "kind": resource.kind, "body": resource.body}
        for name, text in texts.items()
        if name != PARAMETERS
        for symbol, resource in read(text).resources.items()
    ]
    done = subprocess.run(
        [python, HERE / "model_check.py"],
        input=json.dumps(resources, default=_in_azure),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def _in_azure(expression: object) -> dict[str, str]:
    assert isinstance(expression, Expression)
    return {"$": expression.text}


def test_every_property_and_value_is_in_the_models(python: Path) -> None:
    assert [line for line in unknown_to_models(python, infra()) if line] == []


@pytest.mark.parametrize(("name", "there", "planted", "word"), PLANTED)
def test_a_planted_fault_is_found(
    python: Path, name: str, there: str, planted: str, word: str
) -> None:
    texts = infra()
    assert there in texts[name], "the fault cannot be planted any more"
    texts[name] = texts[name].replace(there, planted)

    found = unknown_to_models(python, texts)

    assert any(word in line for line in found), found
