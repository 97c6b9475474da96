"""The page that the stack serves, and the policy that a browser enforces for it."""

from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.devstack.commands.dev_process import DevRun
from tests.support.node import run_node
from tests.support.stack import ROOT
from tests.web.conftest import Open

pytestmark = [pytest.mark.installation, pytest.mark.timeout(900)]

WEB = ROOT / "web"
PACKAGES = WEB / "node_modules"
# Loads the other implementation of calling under the policy of the page, and opens it.
OPEN_ACS = """async ([module, token]) => {
  const { AcsCalling } = await import(module);
  const tokens = async () => ({ token, expiresOn: new Date(Date.now() + 3600000) });
  const calling = new AcsCalling("Alice", tokens);
  const { view } = calling;
  while (view.get().connection.state === "connecting") {
    await new Promise((changed) => view.subscribe(changed));
  }
  return view.get().connection;
}"""


def test_the_policy_is_written_with_the_addresses_of_this_stack(page_stack: DevRun) -> None:
    with urlopen(page_stack.stack["web"], timeout=30) as answer:
        text, headers = answer.read().decode(), answer.headers
    stack = page_stack.stack
    api, plane = stack["api"].removesuffix("/api"), stack["acs"].replace("http:", "ws:")

    policy = text.partition('content="')[2].partition('"')[0].replace("&#39;", "'")
    asked = f"connect-src 'self' {api} {stack['issuer']} {plane} {stack['acs']};"
    assert asked in policy
    assert "script-src 'self';" in policy
    assert "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='" in policy
    assert "worker-src 'self' blob:;" in policy
    assert "unsafe" not in policy
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "<script>" not in text


def test_the_page_compiles_in_strict(page_stack: DevRun) -> None:
    described = ["../docs/openapi.json", "--default-non-nullable=false"]
    types = [*described, "-o", "src/api/schema.d.ts"]
    run_node(PACKAGES / "openapi-typescript" / "bin" / "cli.js", *types, cwd=WEB)
    run_node(PACKAGES / "typescript" / "bin" / "tsc", cwd=WEB)


def test_the_calling_sdk_is_loaded_only_on_demand_and_runs_under_the_policy(
    page_stack: DevRun, window: Open
) -> None:
    """There is no Azure here: the SDK takes a token of the emulator, and makes its agent of it."""
    [module] = (Path(page_stack.state) / "web" / "assets").glob("agent-*.js")
    alice = window("Alice Adams")
    loaded = alice.page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
    assert not any("sdk.bundle" in name or module.name in name for name in loaded)
    token = alice.page.evaluate(
        """async (api) => {
          const [, kept] = Object.entries(sessionStorage).find(([name]) => name.startsWith("oidc"));
          const headers = { Authorization: `Bearer ${JSON.parse(kept).access_token}` };
          return (await (await fetch(`${api}/token`, { headers })).json()).token;
        }""",
        page_stack.stack["api"],
    )

    connection = alice.page.evaluate(OPEN_ACS, [f"/assets/{module.name}", token])

    assert connection == {"state": "ready"}
    stopped = [line for line in alice.told if "Content Security Policy" in line]
    assert not any("script-src" in line or "eval" in line for line in stopped)
    alice.told.clear()  # the remaining requests are to Azure; the policy of this page blocks them
