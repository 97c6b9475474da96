"""dev.py package: the files that are deployed, compiled, and no others."""

import ast
import os
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from devstack.commands.package import MARKER
from tests.devstack.commands.dev_process import dev
from tests.support.stack import ROOT

# Modules that operators start with `python -m`, and that no function imports.
FOR_OPERATORS = {"doctor", "provision", "check_data", "tables_copy", "teams_phone"}

LEFT_OVER = "shared/left_over.py"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made in the place of an earlier one."""
    folder = tmp_path_factory.mktemp("deployed") / "package"
    (folder / "shared").mkdir(parents=True)
    for left_over in (MARKER, LEFT_OVER):
        (folder / left_over).touch()
    made = dev("package", "--output", str(folder), env=without_cache_prefix())
    assert made.returncode == 0, made.stderr
    assert f"cd {folder} && func azure functionapp publish" in made.stdout
    return folder


def without_cache_prefix() -> dict[str, str]:
    """Azure's workers look for compiled files beside their sources; the tests' hosts do not."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}


def test_it_holds_the_app_and_nothing_else(package: Path) -> None:
    functions = {path.parent.name for path in ROOT.glob("*/function.json")}

    assert {path.name for path in package.iterdir()} == functions | {
        *("shared", "docs", "host.json", "requirements.txt", MARKER)
    }
    # The description, which is served; and the page with its viewer.
    assert [path.name for path in (package / "docs").iterdir()] == ["openapi.json"]
    viewer = ROOT / "ApiDocs" / "viewer"
    assert {path.name for path in (package / "ApiDocs" / "viewer").iterdir()} == {
        path.name
        for path in viewer.iterdir()  # with its licence
    }
    for deployed in package.rglob("*.py"):
        assert deployed.read_bytes() == (ROOT / deployed.relative_to(package)).read_bytes()


def test_what_runs_is_compiled_and_no_source_is_read(package: Path, tmp_path: Path) -> None:
    sources = list(package.rglob("*.py"))
    kept = {source: source.read_text("utf-8") for source in sources}
    for source in sources:
        compiled = f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        header = (source.parent / "__pycache__" / compiled).read_bytes()[:8]
        assert header == MAGIC_NUMBER + bytes([1, 0, 0, 0])  # by hash, unchecked (PEP 552)
        source.write_text("raise SystemExit('a source was read')")
    names = [path.parent.name for path in package.glob("*/function.json")]
    there = f"import sys; sys.path.insert(0, {str(package)!r})"
    code = f"{there}; import {', '.join(names)}, shared.app; print(shared.app.__file__)"
    try:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=without_cache_prefix(),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        for source, text in kept.items():
            source.write_text(text, "utf-8")

    assert ran.stderr == ""
    assert ran.stdout.strip() == str(package / "shared" / "app" / "__init__.py")


def imported(file: Path) -> set[str]:
    """The modules of `shared` that a module imports, with the packages they are in."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {name for name in found if name.startswith("shared")}


def test_it_holds_no_module_that_nothing_imports(package: Path) -> None:
    """Except modules that operators start with `python -m`."""
    files = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (package / "shared").rglob("*.py")
    }
    commands = {
        name
        for name, path in files.items()
        if name.endswith("__main__") or '__name__ == "__main__"' in path.read_text("utf-8")
    }
    assert commands == {f"shared.operate.{name}" for name in FOR_OPERATORS}
    waiting = [*commands]
    for path in package.glob("*/function.json"):
        for file in path.parent.glob("*.py"):
            waiting += imported(file)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in files and name not in reached:
            reached.add(name)
            waiting += [*imported(files[name]), name.rpartition(".")[0]]

    assert set(files) - reached == set()


def test_it_holds_no_other_files_than_what_is_read(package: Path) -> None:
    """No examples of the description, and none of the tools that write it."""
    files = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    served = {path for path in files if path.parts[:2] == ("ApiDocs", "viewer")}
    others = {path for path in files - served if path.suffix not in (".py", ".pyc")}

    assert {path.name for path in others if len(path.parts) == 2} == {
        "function.json",
        "openapi.json",
    }
    assert {path.name for path in others if len(path.parts) == 1} == {
        *("host.json", "requirements.txt", MARKER)
    }
    assert all(len(path.parts) <= 2 for path in others)
    assert not (package / "shared" / "openapi").exists()


# Nobody has to be there for these: a stranger is refused before anything is asked.
SETTINGS = {
    "COMMUNICATION_CONNECTION_STRING": "endpoint=https://acs.example/;accesskey=c3RyYW5nZXI=",
    "TABLES_CONNECTION_STRING": "AccountName=a;AccountKey=c3RyYW5nZXI=;"
    "TableEndpoint=https://tables.example",
    "AUTH_ISSUER": "https://issuer.example",
    "AUTH_AUDIENCE": "the-service",
}
STARTED = """
import asyncio, sys
from types import SimpleNamespace
sys.path.insert(0, ".")
import {modules}
import azure.functions as func

async def ask(function, path, **route):
    context = SimpleNamespace(invocation_id="1", function_name=function.__name__)
    url = "https://app.example/api/" + path
    request = func.HttpRequest(method="GET", url=url, route_params=route, body=b"")
    print((await function.main(request, context)).status_code)

async def requests():
    await ask(Health, "health")
    await ask(GetUser, "user")
    await ask(OpenApi, "openapi.json")

asyncio.run(requests())
"""


@pytest.mark.installation
@pytest.mark.timeout(600)
def test_it_starts_with_only_the_packages_that_azure_installs(
    package: Path, tmp_path: Path
) -> None:
    """Every function, from that folder, with requirements.txt and nothing else."""
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
    subprocess.run([*install, "requirements.txt"], cwd=package, check=True)
    names = [path.parent.name for path in package.glob("*/function.json")]
    commands = [f"shared.operate.{name}" for name in sorted(FOR_OPERATORS)]

    ran = subprocess.run(
        [python, "-P", "-c", STARTED.format(modules=", ".join([*names, *commands]))],
        cwd=package,
        env={"PATH": os.environ["PATH"], **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["200", "401", "200"]
    asked = subprocess.run(
        [python, "-m", "shared.operate.doctor"],
        cwd=package,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "FIX   setting AUTH_ISSUER" in asked.stdout


def test_a_folder_of_somebody_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    refused = dev("package", "--output", str(tmp_path))

    assert refused.returncode == 1
    assert f"{tmp_path} was not made by dev.py package" in refused.stderr
    assert (tmp_path / "mine.txt").exists()


def test_it_is_made_anew_each_time(package: Path) -> None:
    assert (package / "shared" / "settings.py").exists()
    assert not (package / LEFT_OVER).exists()
