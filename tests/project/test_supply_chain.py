"""The packages of the service: their licences, their bill of materials, and no key in the
repository."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection

from devstack.commands.audit import PINNED, verdict
from devstack.commands.licences import DEPLOYED, PAGE, is_allowed, licence_of, packages, page
from devstack.commands.sbom import SbomError, bill_of_materials
from devstack.commands.secret_scan import BASELINE, CleanFiles, tracked_files, unknown_secrets
from devstack.stack.azurite import ACCOUNT_KEY
from tests.support.stack import ROOT


def test_every_package_that_is_deployed_has_an_allowed_licence() -> None:
    found = {package: licence_of(package) for package in packages()}

    assert len(found) > 30
    assert {name: one for name, one in found.items() if not is_allowed(one)} == {}


def test_the_page_of_licences_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "python3 dev.py licences"


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("Apache-2.0 AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("unknown", False),
    ],
)
def test_a_licence_is_allowed_where_all_that_it_asks_for_is(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) == allowed


@pytest.mark.slow
def test_the_bill_of_materials_has_versions_hashes_and_licences(tmp_path: Path) -> None:
    """Of two packages here, because the tool takes seconds for all."""
    few = tmp_path / "requirements.txt"
    blocks = ("\n" + DEPLOYED.read_text("utf-8")).split("\n")
    start = next(n for n, line in enumerate(blocks) if line.startswith("idna=="))
    end = next(n for n in range(start + 1, len(blocks)) if not blocks[n].startswith(" "))
    few.write_text("\n".join(blocks[start:end]) + "\n", "utf-8")

    document = bill_of_materials(few)

    assert document["bomFormat"] == "CycloneDX"
    [idna] = document["components"]
    pinned = blocks[start].split("==")[1].split(" ")[0]
    assert idna["purl"] == f"pkg:pypi/idna@{pinned}"
    assert idna["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert idna["externalReferences"][0]["hashes"][0]["alg"] == "SHA-256"


def test_requirements_that_are_not_there_make_no_document(tmp_path: Path) -> None:
    with pytest.raises(SbomError):
        bill_of_materials(tmp_path / "none.txt")


def pinned(name: str) -> dict[str, str]:
    """The version of each package, by its name."""
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", (ROOT / name).read_text("utf-8"), re.M)
    return dict(found)


def test_what_runs_is_a_part_of_what_is_audited_and_what_is_deployed_a_part_of_that() -> None:
    deployed, run, everything = map(pinned, (DEPLOYED.name, "requirements-run.txt", PINNED.name))

    assert deployed.items() < run.items() < everything.items()


def test_what_runs_needs_nothing_that_only_tests_and_checks_do() -> None:
    tools = {"hypothesis", "import-linter", "mypy", "pip-audit", "playwright", "pytest", "ruff"}

    assert tools <= pinned(PINNED.name).keys()
    assert not tools & pinned("requirements-run.txt").keys()


def test_every_package_has_a_hash() -> None:
    for name in (DEPLOYED.name, "requirements-run.txt", PINNED.name):
        blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text("utf-8"))[1:]
        assert blocks
        assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_all_that_the_stack_and_the_commands_import_is_installed_for_them() -> None:
    """Except the commands that `WITH_DEV_PACKAGES` of dev.py names, and the modules that they
    import."""
    run, of_module = pinned("requirements-run.txt"), metadata.packages_distributions()
    checks = {"devstack/commands/secret_scan.py"}  # of `dev.py check`
    files = [
        *(
            path
            for folder in ("devstack", "shared", "benchmarks", "infra")
            for path in (ROOT / folder).rglob("*.py")
            if "node_modules" not in path.parts
        ),
        *(file for path in ROOT.glob("*/function.json") for file in path.parent.glob("*.py")),
    ]
    missing = {
        (str(path.relative_to(ROOT)), module)
        for path in files
        for module in imported(path)
        if not any(name.lower().replace("_", "-") in run for name in of_module.get(module, ()))
        and module not in sys.stdlib_module_names
        and not (ROOT / module).is_dir()
    }

    assert {file for file, _ in missing} == checks


def imported(path: Path) -> set[str]:
    """The first names of the modules that it imports, except those that only types need."""
    found = set()
    for node in statements(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - {"_typeshed"}


def statements(block: ast.AST) -> Iterator[ast.AST]:
    """All that are in it, however deep; no expressions, which are most of a tree."""
    for part in ("body", "handlers", "cases", "orelse", "finalbody"):
        inner = getattr(block, part, ())
        for node in inner if isinstance(inner, list) else ():
            yield node
            yield from statements(node)


KNOWN_HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": "…"}


@pytest.mark.parametrize(
    ("dependencies", "text", "exit_code"),
    [
        (
            [{"name": "a", "version": "1.0", "vulns": [KNOWN_HOLE]}],
            "a 1.0: PYSEC-2026-1, fixed in 2.0",
            1,
        ),
        (
            [{"name": "a", "version": "1.0", "vulns": []}, {"name": "b", "skip_reason": "…"}],
            "1 of 2 packages: no known vulnerability",
            0,
        ),
        (
            [{"name": "a", "skip_reason": "not found"}],
            "the package index has no data about vulnerabilities: not audited",
            0,
        ),
    ],
)
def test_only_a_known_vulnerability_fails_the_audit(
    dependencies: list[object], text: str, exit_code: int
) -> None:
    printed = json.dumps({"dependencies": dependencies, "fixes": []})

    assert verdict(printed) == (text, exit_code)


def test_without_a_network_the_audit_says_so_and_passes() -> None:
    assert verdict("") == ("nobody could be asked about vulnerabilities: not audited", 0)


def known_secrets() -> SecretsCollection:
    """Loads the baseline, whose settings are the process's from then on."""
    return baseline.load(baseline.load_from_file(str(BASELINE)), str(BASELINE))


def test_a_key_that_somebody_adds_is_found_and_those_of_the_stack_are_known(
    tmp_path: Path,
) -> None:
    known = known_secrets()
    added = tmp_path / "settings.py"
    key = ACCOUNT_KEY[::-1].strip("=") + "=="
    added.write_text(f'STORAGE = "AccountKey={key};"\n', "utf-8")
    stacks = ["devstack/stack/azurite.py", "local.settings.json.example"]

    _, unknown = unknown_secrets(tmp_path, ["settings.py"], known)
    found, of_the_stack = unknown_secrets(ROOT, stacks, known)

    assert unknown
    assert {text.partition(": ")[0] for text in unknown} == {"settings.py:1"}
    assert (found.files, of_the_stack) == (set(stacks), [])


def test_what_git_does_not_track_is_not_looked_at(tmp_path: Path) -> None:
    assert tracked_files(tmp_path) is None
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("tracked", "left out"):
        (tmp_path / name).write_text("x", "utf-8")
    subprocess.run(["git", "add", "tracked"], cwd=tmp_path, check=True)

    assert tracked_files(tmp_path) == ["tracked"]


def test_a_file_is_looked_at_again_once_it_or_the_settings_change(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.py", tmp_path / "cache"
    file.write_text("1", "utf-8")
    CleanFiles(cache, ["settings"]).keep([file])

    assert CleanFiles(cache, ["settings"]).has(file)
    assert not CleanFiles(cache, ["other settings"]).has(file)
    file.write_text("2", "utf-8")
    assert not CleanFiles(cache, ["settings"]).has(file)


def test_the_baseline_says_nothing_of_the_machine_that_wrote_it() -> None:
    told = json.loads(BASELINE.read_text("utf-8"))

    paths = [secret["filename"] for found in told["results"].values() for secret in found]
    assert paths
    assert [path for path in paths if Path(path).is_absolute()] == []
    assert str(ROOT) not in BASELINE.read_text("utf-8")
