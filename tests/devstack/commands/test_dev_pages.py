"""The commands on the pages work in a terminal, one block after the other."""

import re
import shlex
import subprocess
import sys

import pytest

from devstack.issuer.sign_ins import app_token, teams_token, user_token
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, issuer_key
from tests.devstack.commands.dev_process import ROOT, DevRun
from tests.support.pages import blocks, pages

pytest_plugins = ("tests.devstack.commands.dev_fixtures",)

HOST, ACS = "http://127.0.0.1:7071", "http://127.0.0.1:7073"
API = f"{HOST}/api"
# The blocks of each page that ask the stack; they name no language.
BLOCKS = {
    name: asking
    for name, text in pages().items()
    if (asking := [block for block in blocks(text) if HOST in block or ACS in block])
}
TOKEN = re.compile(r"\$\(python3 dev\.py token (.+?) \| tail -n 1\)")
# The request that a page has refused on purpose; each other one that is refused fails the test.
REFUSED = 'api/token?expiresInMinutes=78"'
# What some of the answers hold.
TOLD = {
    "README.md": ['"communicationUserId":"8:acs:'],
    "tutorial.md": ['"communicationUserId":"8:acs:'],
    "identities.md": ['"id":"night-job"', '"friends":', "\n204\n"],
    "friends.md": ['"state":"requested"', '"state":"accepted"', "204\n"],
    "group-calls.md": ['"title":"Coffee"', "BEGIN:VCALENDAR", '"locator":', "\n204\n"],
    "teams-meetings.md": ['"kind":"teamsMeeting"', '"title":"Review"'],
    "calls-and-bots.md": [
        *('"displayName":"Reception"', '"state":"connected"', '"recordings":'),
        *('"kind":"invite"', '"kind":"play"', "\n204\n"),
    ],
    "operate.md": ["202\n"],
    "local-stack.md": ['"id": ', "communication-unavailable", "\n204\n"],
}


@pytest.mark.parametrize("name", BLOCKS)
def test_every_example_works_in_the_order_of_the_page(running: DevRun, name: str) -> None:
    script = "\n".join(BLOCKS[name]).replace(API, running.stack["api"])
    script = script.replace(HOST, running.stack["api"].removesuffix("/api"))
    script = script.replace(ACS, running.stack["acs"])
    script = script.replace(REFUSED, f"{REFUSED} || true")
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
    for told in TOLD[name]:
        assert told in done.stdout
    # Every answer ends its line, so that the next prompt is on a line of its own.
    assert not re.search(r'[}\]]\{"', done.stdout)
    assert done.stdout.endswith("\n")


def test_the_examples_show_every_kind_of_thing_that_the_service_has() -> None:
    examples = "".join(block for found in BLOCKS.values() for block in found)

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
    assert BLOCKS.keys() == TOLD.keys()


def token(running: DevRun, arguments: list[str]) -> str:
    """As `dev.py token` prints it."""
    user, *options = arguments
    key, issuer = issuer_key(running.state / "issuer-key.json"), running.stack["issuer"]
    if options == ["--teams"]:
        return teams_token(key, issuer=issuer, user_id=user, lifetime=ACCESS_TOKEN_LIFETIME)
    if "--app" in options:
        return app_token(key, issuer=issuer, app=user, roles=options[2::2])
    return user_token(key, issuer=issuer, user_id=user, roles=options[1::2])
