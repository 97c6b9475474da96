"""What the README has people paste into a terminal works, one block after the other."""

import re
import shlex
import subprocess
import sys

from devstack.issuer.sign_ins import teams_token, user_token
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, issuer_key
from tests.devstack.commands.dev_process import ROOT, DevRun

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

API = "http://127.0.0.1:7071/api"
README = (ROOT / "README.md").read_text("utf-8")
# What is between two fences, the first of which names no language.
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BLOCKS = [block for language, block in FENCED if not language and API in block]
TOKEN = re.compile(r"\$\(python3 dev\.py token (.+?) \| tail -n 1\)")


def test_every_example_works_in_the_order_of_the_page(running: DevRun) -> None:
    script = "\n".join(block.replace(API, running.stack["api"]) for block in BLOCKS)
    script = TOKEN.sub(lambda found: token(running, shlex.split(found[1])), script)
    script = "\n".join(
        line for line in script.splitlines() if not line.startswith("python3 dev.py")
    )
    functions = f'curl() {{ {sys.executable} -IS tests/support/curl.py "$@"; }}\n'
    functions += f'python3() {{ {sys.executable} -IS "$@"; }}\n'

    done = subprocess.run(
        ["sh", "-ec", functions + script], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    for told in (
        '"displayName":"Reception"',
        '"kind":"teamsMeeting"',
        "BEGIN:VCALENDAR",
        "\n204\n",
    ):
        assert told in done.stdout
    # Every answer ends its line, so that the next prompt is on a line of its own.
    assert not re.search(r'[}\]]\{"', done.stdout)
    assert done.stdout.endswith("\n")


def test_the_examples_show_every_kind_of_thing_that_the_service_has() -> None:
    examples = "".join(BLOCKS)

    for path in (
        "token",
        "token/teams",
        "user",
        "friends",
        "groupCalls",
        "meetings",
        "calls",
        "bots",
    ):
        assert f"{API}/{path}" in examples, path
    assert f'-X DELETE -H "$ERIN" {API}/user' in examples


def token(running: DevRun, arguments: list[str]) -> str:
    """As `dev.py token` prints it."""
    user, *options = arguments
    key, issuer = issuer_key(running.state / "issuer-key.json"), running.stack["issuer"]
    if options == ["--teams"]:
        return teams_token(key, issuer=issuer, user_id=user, lifetime=ACCESS_TOKEN_LIFETIME)
    return user_token(key, issuer=issuer, user_id=user, roles=options[1::2])
