"""A cold start loads what the request needs and no more."""

import subprocess
import sys

import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.whole_stack

# Each is dear, and needed by few apps or by none of today's routes.
LAZY = {"azure.identity", "msal", "requests", "shared.doctor", "shared.provision", "devstack"}


def test_loading_the_functions_leaves_the_dear_imports_out() -> None:
    folders = [path.parent.name for path in ROOT.glob("*/function.json")]
    code = f"import sys, {', '.join(folders)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "shared.tokens" in loaded
    assert LAZY.isdisjoint(loaded)
