"""The clients of docs/clients.md: generated, compiled and run as they are written there."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.node import FOLDER, run_node, run_node_package
from tests.support.pages import page
from tests.support.people import People, Person, befriend
from tests.support.stack import ROOT, Host

PAGE = page("clients.md")
GROUP = "29228d3e-040e-4656-a70e-890ab4e173e5"
STRICT = {
    "strict": True,
    "target": "es2022",
    "module": "nodenext",
    "noUncheckedIndexedAccess": True,
    "exactOptionalPropertyTypes": True,
    "types": [],
}
# Names that the page leaves to its reader.
TYPESCRIPT_READER = "declare global { function yourBearerToken(): Promise<string> }\nexport {};\n"
# Each comment is an error of the compiler's own if the line after it compiles.
WRONG = """
import createClient from "openapi-fetch";
import type { paths } from "./api.js";
type Read = "application/json" | "application/problem+json";
const api = createClient<paths, Read>({ baseUrl: "/api" });
const params = { header: { "Idempotency-Key": "1" } };
export async function wrong() {
  // @ts-expect-error no such route
  await api.GET("/tokens");
  // @ts-expect-error no such scope
  await api.POST("/token", { body: { scopes: ["voice"] } });
  // @ts-expect-error no Idempotency-Key
  await api.POST("/calls", { body: { to: [{ user: "bob" }] } });
  // @ts-expect-error nobody is called
  await api.POST("/calls", { params, body: { to: [{}] } });
  await api.POST("/calls", { params, body: { to: [{ user: "bob" }] } });
  const { error } = await api.GET("/user");
  const path = { id: "1" };
  const { data: invitation } = await api.GET("/invitations/{id}", { params: { path } });
  // @ts-expect-error a Teams meeting has no groupId
  invitation?.locator.groupId;
  if (invitation && "meetingLink" in invitation.locator) invitation.locator.meetingLink.length;
  invitation?.alternatives.map((one) => [one.meetingId, one.passcode]);
  // @ts-expect-error no such problem of this route
  return error?.code === "too-many-calls";
}
"""
PYTHON_READER = "def your_bearer_token() -> str:\n    return {!r}\n"


def block(language: str) -> str:
    """The code of the page in one language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def command(program: str) -> list[str]:
    """The arguments that the page gives a program."""
    [line] = re.findall(rf"^(?:npx )?{program} (.*)$", PAGE.replace("\\\n", ""), re.MULTILINE)
    return [str(ROOT / word) if word == "docs/openapi.json" else word for word in shlex.split(line)]


async def alice_with_a_friend(host: Host, people: People) -> Person:
    alice, bob = people(host, "alice", "bob")
    await befriend(alice, bob)
    return alice


@pytest.mark.slow
@pytest.mark.timeout(600)  # the compiler takes ten seconds, and a minute on a busy machine
async def test_the_typescript_client_compiles_in_strict_and_runs(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    alice = await alice_with_a_friend(one_host, people)
    shared = {"groupId": GROUP, "audience": {"friends": True}}
    assert (await alice.ask("/groupCalls", "POST", shared)).status == 201
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT}))
    written = block("ts").replace("http://127.0.0.1:7071/api", one_host.api)
    (tmp_path / "client.ts").write_text(written)
    (tmp_path / "reader.ts").write_text(TYPESCRIPT_READER)
    (tmp_path / "wrong.ts").write_text(WRONG)

    run_node_package("openapi-typescript/bin/cli.js", *command("openapi-typescript"), cwd=tmp_path)
    run_node_package("typescript/bin/tsc", "--project", ".", cwd=tmp_path)
    (tmp_path / "run.js").write_text(
        f"globalThis.yourBearerToken = async () => {json.dumps(alice.bearer)};\n"
        'await import("./client.js");\n'
    )
    printed = run_node(tmp_path / "run.js", cwd=tmp_path)

    assert printed.split() == [(await alice.token()).user_id, "1", GROUP]


@pytest.mark.slow
@pytest.mark.timeout(600)  # so does mypy
async def test_the_python_client_is_typed_and_runs(
    one_host: Host, people: People, tmp_path: Path
) -> None:
    alice = await alice_with_a_friend(one_host, people)
    run_python(tmp_path, "-m", "datamodel_code_generator", *command("datamodel-codegen"))
    written = block("python").replace("http://127.0.0.1:7071/api", one_host.api)
    program = tmp_path / "client.py"
    program.write_text(PYTHON_READER.format(alice.bearer) + "\n" + written)

    run_python(tmp_path, "-m", "mypy", "--strict", "client.py")
    printed = run_python(tmp_path, "client.py")

    assert printed.split() == [(await alice.token()).user_id, "1"]
    program.write_text(program.read_text().replace('"scopes"', '"scope"'))
    refused = python(tmp_path, "-m", "mypy", "--strict", "client.py")
    assert 'Extra key "scope"' in refused.stdout


def run_python(folder: Path, *arguments: str) -> str:
    done = python(folder, *arguments)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def python(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
    )
