"""The commands of operators: the doctor names faults and how to mend them; provision makes
tables."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from devstack.stack import azurite
from devstack.well_known import MANAGED_IDENTITY_CLIENT_ID as APP_ID
from shared.intents import Intents
from shared.operate.doctor import examine
from shared.operate.provision import provision
from shared.settings import load
from shared.table_api import TableApi
from shared.tables import ALL, INTENTS, Table
from shared.upstream.clients import Upstream
from tests.support.azurite_tls import environment_with
from tests.support.control import Control
from tests.support.own_tables import own_tables
from tests.support.ports import free_port
from tests.support.stack import ROOT, Stack, wait_until_open
from tests.support.tidying import note_that_tidy_has_run


@pytest.fixture(autouse=True)
def tidy_has_run(stack: Stack) -> None:
    note_that_tidy_has_run(stack)


@pytest.fixture(autouse=True)
def managed_identity(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity reads the process' own environment."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.setenv(name, stack.settings[name])


async def report(settings: dict[str, str]) -> list[str]:
    return [str(finding) async for finding in examine(settings)]


async def test_all_is_well_on_the_stack(stack: Stack) -> None:
    found = await report(stack.settings)

    notes = found[1:4]
    assert [line.startswith("ok    note: ") for line in notes] == [True] * 3, notes
    assert "-AllowedAcsResources" in notes[0] or "-AllowedAcsResources" in notes[1], notes
    assert found == [
        "ok    settings",
        *notes,
        *(f"ok    table {name}" for name in ALL),
        f"ok    communication {stack.values['acs']}",
        f"ok    issuer 1 {stack.values['issuer']}",
        f"ok    graph {stack.values['graph']}",
    ]


async def test_it_says_what_keeps_bots_from_being_called(stack: Stack) -> None:
    tenant, keys = str(uuid.uuid4()), {"EVENT_GRID_JWKS_URL": f"{stack.issuer.url}/jwks"}
    entra = {"EVENT_GRID_AUDIENCE": "api://bots", "EVENT_GRID_TENANT": tenant, **keys}
    silent = {"BOT_GREETING": "", "BOT_MENU": ""}
    missing = f"http://127.0.0.1:{free_port()}/jwks"

    async def lines(**changed: str) -> list[str]:
        found = await report({**stack.settings, **changed})
        return [line for line in found if "bots" in line or "event grid" in line]

    assert await lines() == []
    assert await lines(**silent, EVENT_GRID_KEY="") == []
    assert ["BOT_GREETING" in line for line in await lines(**silent)] == [True]
    assert ["CALLBACK_BASE_URL" in line for line in await lines(CALLBACK_BASE_URL="")] == [True]
    assert ["EVENT_GRID_KEY" in line for line in await lines(EVENT_GRID_KEY="")] == [True]
    assert await lines(**entra) == [f"ok    event grid's keys {stack.issuer.url}/jwks"]
    [gone] = await lines(**{**entra, "EVENT_GRID_JWKS_URL": missing})
    assert gone.startswith("FIX   event grid's keys")
    assert "EVENT_GRID_TENANT" in gone


async def test_it_says_how_the_app_is_let_hold_meetings(
    stack: Stack, graph: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    organizer = stack.settings["MEETING_ORGANIZER_ID"]
    await graph.tenant(policy=False)
    [no_policy] = [line for line in await report(stack.settings) if line.startswith("FIX")]
    await graph.tenant(users={organizer: {"licensed": False}})
    [unlicensed] = await graph_lines(stack.settings)
    await graph.tenant()
    [unknown] = await graph_lines({**stack.settings, "MEETING_ORGANIZER_ID": str(uuid.uuid4())})
    await graph.fault("find", status=429, retryAfter=60)
    [throttled] = await graph_lines(stack.settings)
    await graph.clear()
    [nobody] = await graph_lines({**stack.settings, "MEETING_ORGANIZER_ID": ""})
    elsewhere = {**stack.settings, "GRAPH_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    [gone] = await graph_lines(elsewhere)
    monkeypatch.setenv("IDENTITY_HEADER", "guessed")
    [no_identity] = await graph_lines(stack.settings)
    without = await graph_lines(
        {**stack.settings, "GRAPH_ENDPOINT": "", "MEETING_ORGANIZER_ID": ""}
    )

    assert no_policy.startswith(f"FIX   graph {stack.values['graph']}: This service may not act")
    policy = f"New-CsApplicationAccessPolicy -Identity trusted-service -AppIds {APP_ID};"
    assert policy in no_policy
    grant = f"Grant-CsApplicationAccessPolicy -PolicyName trusted-service -Identity {organizer};"
    assert grant in no_policy
    for line in (unlicensed, unknown):
        assert "is not a user of the app's tenant, has no licence for Teams, or no access" in line
    assert "it limits us just now" in throttled
    assert nobody.startswith("ok    graph")
    assert "is it running" in gone
    assert "managed identity" in no_identity
    assert without == []


async def graph_lines(settings: dict[str, str]) -> list[str]:
    return [line for line in await report(settings) if " graph " in line]


async def test_it_warns_of_voip_and_of_an_easy_auth_that_is_not_on(stack: Stack) -> None:
    plain = await report(stack.settings)
    other = await report({**stack.settings, "TOKEN_SCOPES": "chat", "AUTH_EASY_AUTH": "true"})

    assert "every phone number" in plain[1]
    assert not any("every phone number" in line for line in other)
    assert "WEBSITE_AUTH_ENABLED" in other[1]


async def test_wrong_settings_are_all_named(stack: Stack) -> None:
    found = await report({**stack.settings, "AUTH_AUDIENCE": "", "TOKEN_SCOPES": "x"})

    assert [line.split(":")[0] for line in found] == [
        "FIX   setting AUTH_AUDIENCE",
        "FIX   setting TOKEN_SCOPES",
    ]


@pytest.mark.parametrize(
    ("setting", "value", "line", "fix"),
    [
        ("TABLES_CONNECTION_STRING", "{tables wrong key}", "table identities", "Contributor"),
        ("TABLES_CONNECTION_STRING", "{tables elsewhere}", "table identities", "is it running"),
        ("COMMUNICATION_CONNECTION_STRING", "{acs wrong key}", "communication", "Service Owner"),
        ("COMMUNICATION_CONNECTION_STRING", "{acs elsewhere}", "communication", "is it running"),
        ("AUTH_ISSUER", "{issuer elsewhere}", "issuer 1", "openid-configuration"),
        ("AUTH_ISSUER", "{issuer with a slash}", "issuer 1", "to the letter"),
    ],
)
async def test_what_does_not_work_is_named_with_its_fix(
    stack: Stack, setting: str, value: str, line: str, fix: str
) -> None:
    tables, nobody = stack.settings["TABLES_CONNECTION_STRING"], f"http://127.0.0.1:{free_port()}"
    broken = {
        "{tables wrong key}": tables.replace("AccountKey=", "AccountKey=AAAA"),
        "{tables elsewhere}": azurite.connection_string(free_port()),
        "{acs wrong key}": f"endpoint={stack.values['acs']};accesskey=AAAA",
        "{acs elsewhere}": f"endpoint={nobody};accesskey=AAAA",
        "{issuer elsewhere}": nobody,
        "{issuer with a slash}": stack.values["issuer"] + "/",
    }[value]
    found = await report({**stack.settings, setting: broken})

    wrong = [text for text in found if text.startswith("FIX")]
    assert len(wrong) == (len(ALL) if line.startswith("table") else 1)
    assert wrong[0].startswith(f"FIX   {line}")
    assert fix in wrong[0]
    assert not any("AAAA" in text for text in wrong)


@pytest.fixture
async def bare_tables() -> AsyncIterator[str]:
    port = free_port()
    with Popen(azurite.command(port=port, folder=None), cwd=ROOT, stdin=PIPE) as process:
        wait_until_open(port)
        yield azurite.connection_string(port)
        process.kill()


async def test_missing_tables_are_made_once_before_there_is_anything_else(
    stack: Stack, bare_tables: str
) -> None:
    """With the tables' settings alone: a deployment makes them before the app has its own."""
    settings = {**stack.settings, "TABLES_CONNECTION_STRING": bare_tables}
    alone = {"TABLES_CONNECTION_STRING": bare_tables, "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "shared.operate.provision"]

    before = await report(settings)
    made = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    again = await provision(load(settings).upstream)
    after = await report(settings)

    assert "python -m shared.operate.provision" in before[4]
    assert made.stderr == ""
    assert made.stdout == f"tables created: {', '.join(ALL)}\n"
    assert again == []
    assert after[4] == "ok    table identities"


@pytest.mark.parametrize(
    "changed",
    [
        {},
        pytest.param(
            {"AUTH_AUDIENCE": "", "TABLES_ENDPOINT": "https://two"}, marks=pytest.mark.slow
        ),
    ],
)
def test_what_goes_into_an_issue_names_nothing(stack: Stack, changed: dict[str, str]) -> None:
    settings = {**stack.settings, **changed}
    command = [sys.executable, "-m", "shared.operate.doctor", "--deployed"]

    environment = environment_with(settings)
    told = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert told.stderr == ""
    assert "azure-data-tables 1" in told.stdout
    assert "\nsettings: " in told.stdout
    assert " AUTH_ISSUER, " in told.stdout
    assert ("ok    table identities" in told.stdout) != bool(changed)
    for value in settings.values():
        assert len(value) < 5 or value not in told.stdout
    assert "127.0.0.1" not in told.stdout
    assert "AccountKey" not in told.stdout


@pytest.mark.slow
def test_a_machine_where_nobody_is_signed_in_is_told_how(tmp_path: Path) -> None:
    alone = {
        "TABLES_ENDPOINT": f"https://127.0.0.1:{free_port()}",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
        "PATH": str(tmp_path),  # without any CLI
    }
    command = [sys.executable, "-m", "shared.operate.provision"]

    made = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False)

    assert (made.returncode, made.stdout) == (1, "")
    assert made.stderr.startswith("The tables cannot be created: sign in here with az login")


@pytest.fixture
def other_tables(stack: Stack) -> Iterator[Stack]:
    with own_tables(stack) as other:
        yield other


async def test_it_warns_when_tidy_has_not_run_for_half_an_hour(other_tables: Stack) -> None:
    upstream = Upstream()
    table = Table(TableApi(INTENTS, load(other_tables.settings).upstream, upstream))
    now = datetime.now(UTC)

    async def lines() -> list[str]:
        return [line for line in await report(other_tables.settings) if "tidy" in line]

    def at(minutes_ago: int) -> Intents:
        return Intents(table, lambda: now - timedelta(minutes=minutes_ago))

    assert await lines() == []  # nothing is left to it
    await at(32).begin("share", "somebody's")
    [never] = await lines()
    await at(29).note_run(now)
    assert await lines() == []
    await at(31).note_run(now)
    [late] = await lines()
    await upstream.close()

    assert never.startswith("FIX   tidy, not run for 32 min: see that the app has TIDY_SCHEDULE")
    assert late.startswith("FIX   tidy, not run for 31 min: ")


async def test_it_notes_that_tidy_has_no_schedule(stack: Stack) -> None:
    without = await report({**stack.settings, "TIDY_SCHEDULE": " "})

    assert [line for line in without if "TIDY_SCHEDULE" in line] == [
        "ok    note: TIDY_SCHEDULE is not set here: where the app has none, Tidy never runs"
    ]
