"""From a clone, only the app is deployed, and no file that somebody has left there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.commands.package import deployed
from tests.project.ignore_readers import deployed_by_azd, deployed_by_func
from tests.support.stack import ROOT

FUNCTIONS = {path.parent.name for path in ROOT.glob("*/function.json")}
ALONE = {"host.json", "requirements.txt", "docs/openapi.json"}
# Keys, as these pages or an operator's habit may leave them.
STRAYS = {
    *("event-grid-key", "values.env", "keys.json", ".env", ".env.azure", "foo.pem", "key~"),
    *("local.settings.json", "local.settings.json.bak", "shared.pem", "shared-keys/keys.json"),
    *("AddAgent.key", "docs.json", "docs/keys.json", "docs/openapi/keys.json", "keys/shared/a.pem"),
    *(".azure/dev/.env", "tests/shared/keys.json", "infra/values.env", "docx/host.json"),
    *("shared/.env", "AddAgent/.env.azure"),
}

type Reader = Callable[[Path], Iterator[str]]
AS_GIT: dict[str, Reader] = {"dev.py package": deployed, "azd": deployed_by_azd}


def of_the_app() -> set[str]:
    """Every file of the folders that are the app, by its path in the repository."""
    return {
        str(path.relative_to(ROOT))
        for folder in (*FUNCTIONS, "shared")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    } | ALONE


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The names of the repository's files, something in each of its folders, and stray files."""
    clone = tmp_path_factory.mktemp("clone")
    others = {f"{one.name}/inside" if one.is_dir() else one.name for one in ROOT.iterdir()}
    others -= {f"{folder}/inside" for folder in FUNCTIONS | {"shared", ".python_packages"}}
    for name in of_the_app() | others | STRAYS:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    (clone / ".funcignore").write_text((ROOT / ".funcignore").read_text("utf-8"), "utf-8")
    return clone


@pytest.mark.parametrize("reader", AS_GIT)
def test_the_app_is_deployed_and_nothing_else(clone: Path, reader: str) -> None:
    unread = {"shared/openapi/", ".md", "example.json"}

    wanted = {path for path in of_the_app() if not any(one in path for one in unread)}

    assert set(AS_GIT[reader](clone)) == wanted
    assert "shared/app/app.py" in wanted


def test_the_core_tools_deploy_the_app_and_nothing_but_its_folders(clone: Path) -> None:
    """From the repository's own folder; `dev.py package` makes one that has no .funcignore."""
    assert set(deployed_by_func(clone)) == of_the_app()


def test_libraries_that_were_installed_for_the_app_are_deployed_with_it(tmp_path: Path) -> None:
    (tmp_path / ".funcignore").write_text((ROOT / ".funcignore").read_text("utf-8"), "utf-8")
    library = tmp_path / ".python_packages" / "lib" / "site-packages" / "jwt" / "api.py"
    library.parent.mkdir(parents=True)
    library.touch()

    for reader in (*AS_GIT.values(), deployed_by_func):
        assert [*reader(tmp_path)] == [str(library.relative_to(tmp_path))]


def test_git_knows_the_settings_and_keys_that_are_left_in_a_clone() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()

    assert {"local.settings.json", ".env*", "*.env", "*.pem", "*.key"} <= set(ignored)
