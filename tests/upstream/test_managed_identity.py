"""Production's way to Azure: DefaultAzureCredential, identity endpoint, bearer tokens over TLS."""

import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.meetings.test_meetings import SCHEDULER, meetings, schedule
from tests.support.api import ask
from tests.support.azurite_tls import environment_with, tls_tables
from tests.support.control import Control
from tests.support.people import People
from tests.support.stack import ROOT, Stack, StartHost
from tests.support.tidying import note_that_tidy_has_run

__all__ = ["tls_tables"]

# The fixture starts from the stack's own settings, which have keys.
NO_KEYS = {"COMMUNICATION_CONNECTION_STRING": "", "TABLES_CONNECTION_STRING": ""}


async def test_an_app_without_any_key_gets_a_token(
    stack: Stack,
    tls_tables: dict[str, str],
    start_host: StartHost,
    client: aiohttp.ClientSession,
    acs: Control,
) -> None:
    host, bearer = await start_host(**{**NO_KEYS, **tls_tables}), stack.token("keyless")

    reply = await ask(client, host, "/token", bearer, method="POST")
    again = await ask(client, host, "/token?expiresInMinutes=90", bearer)

    assert (await acs.introspect(reply.json["token"]))["active"]
    assert (await acs.introspect(again.json["token"]))["active"]
    assert again.user_id == reply.user_id  # remembered in the tables
    ready = await ask(client, host, "/health/ready")
    assert ready.status == 200


async def test_the_settings_of_stack_json_work_as_they_are(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    settings = stack.values["managedIdentitySettings"]
    host = await start_host(**{**NO_KEYS, **settings})

    reply = await ask(client, host, "/token", stack.token("half-keyless"), method="POST")

    assert reply.user_id.startswith("8:acs:")
    assert all(isinstance(value, str) for value in settings.values())


@pytest.mark.slow
async def test_a_meeting_is_scheduled_over_tls(
    stack: Stack, start_host: StartHost, people: People, graph: Control
) -> None:
    host = await start_host(**{**NO_KEYS, **stack.values["managedIdentitySettings"]})
    [doctor] = people(host, "doctor")
    doctor.sign_in(*SCHEDULER)

    made = await schedule(doctor, "visit")

    assert made.status == 201
    assert len(await meetings(graph, made.json["id"])) == 1


@pytest.mark.slow
async def test_a_caller_that_does_not_prove_to_be_the_app_gets_no_token(
    stack: Stack, start_host: StartHost, client: aiohttp.ClientSession, acs: Control
) -> None:
    settings = {**NO_KEYS, **stack.values["managedIdentitySettings"], "IDENTITY_HEADER": "guessed"}
    host, before = await start_host(**settings), await acs.identities()

    reply = await ask(client, host, "/token", stack.token("impostor"), method="POST")

    assert reply.status == 503
    assert await acs.identities() == before


@pytest.mark.slow
def test_doctor_says_that_all_is_well(
    stack: Stack, tls_tables: dict[str, str], tmp_path: Path
) -> None:
    note_that_tidy_has_run(stack)
    for settings in (stack.values["managedIdentitySettings"], tls_tables):
        file = tmp_path / "settings.json"
        file.write_text(json.dumps({"Values": settings}))
        environment = environment_with({})
        environment.pop("SSL_CERT_FILE", None)  # the file's own, which the environment overrides

        report = subprocess.run(
            [sys.executable, "dev.py", "doctor", "--settings", str(file)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert report.returncode == 0, report.stdout
        assert f"ok    communication {stack.values['acsTls']}" in report.stdout
        assert "FIX" not in report.stdout
