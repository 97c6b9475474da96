"""The JavaScript of the pages runs as it is written there. The sign-in runs in a browser, see
tests/web/test_readme_sign_in.py."""

import json
from pathlib import Path

import pytest

from tests.support.node import FOLDER, run_node
from tests.support.pages import blocks, page
from tests.support.people import People, Person, befriend, coded
from tests.support.stack import Host

# Names that the pages use and do not define: those of the Calling SDK, and those that their reader
# has by then.
READER = """\
const called = [];
const note = (...given) => called.push(given);
const callAgent = { join: note, startCall: note };
"""


def ran(host: Host, person: Person, folder: Path, code: str, ending: str) -> object:
    """What a script prints that ends so, when this person is signed in."""
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    bearer = f"const bearer = async () => {json.dumps(person.bearer)};\n"
    own = code.replace("http://127.0.0.1:7071/api", host.api)
    script = folder / "page.mjs"
    script.write_text(
        f"{bearer}{READER}{own}\nconsole.log(JSON.stringify({ending}));\nprocess.exit();\n"
    )
    return json.loads(run_node(script, cwd=folder))


def of_sign_in() -> str:
    """The second block of the page: the first one gives `bearer`, and needs a browser."""
    _, code = blocks(page("sign-in.md"), "js")
    return code


async def test_the_credential_has_the_persons_token(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    [alice] = people(one_host, "alice")
    got = ran(
        one_host, alice, tmp_path, of_sign_in(), "[(await credential.getToken()).token, token]"
    )

    assert isinstance(got, list)
    assert got[0] == got[1]
    assert got[0].count(".") == 2


async def test_the_credential_tells_of_a_refusal(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    [alice] = people(one_host, "alice")
    alice.bearer = "none"

    with pytest.raises(AssertionError, match=r"Error: 401: .*unauthenticated"):
        ran(one_host, alice, tmp_path, of_sign_in(), "0")


async def test_a_friend_is_called_by_their_id(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    [code] = blocks(page("friends.md"), "js")
    code = code.replace("/friends/bob", f"/friends/{coded(bob.id)}")
    code = f'const api = "{one_host.api}";\n{code}'

    got = ran(one_host, alice, tmp_path, code, "called")

    user_id = (await bob.token()).user_id
    assert got == [[[{"kind": "communicationUser", "communicationUserId": user_id}]]]


async def test_an_invitation_is_joined_by_its_locator(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    alice, bob = people(one_host, "alice", "bob")
    await befriend(alice, bob)
    group = "2f7b6a52-6a0e-4a3c-9d6b-0f0b7c1d2e3f"
    await alice.share(group, {"friends": True})
    [code] = blocks(page("group-calls.md"), "js")

    got = ran(one_host, bob, tmp_path, f'const api = "{one_host.api}";\n{code}', "called")

    assert got == [[{"groupId": group}]]
