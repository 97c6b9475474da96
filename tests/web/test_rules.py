"""The rules of the page that need no browser: its own tests, in TypeScript, on Node.js."""

from tests.support.node import run_node
from tests.support.stack import ROOT

TESTS = sorted((ROOT / "web" / "tests").glob("*.test.ts"))


def test_the_rules_of_the_page_hold() -> None:
    """Node.js reads TypeScript by itself, so that nothing has to be installed for this."""
    assert len(TESTS) >= 3
    printed = run_node("--test", "--test-isolation=none", *map(str, TESTS), cwd=ROOT / "web")

    assert "fail 0" in printed
