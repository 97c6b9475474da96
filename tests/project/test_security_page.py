"""The pages about security agree with the code, and the rotations of keys sign nobody out."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import aiohttp
import pytest

from devstack.stack import azurite
from devstack.well_known import EVENT_KEY_HEADER
from shared.auth import roles
from shared.operate.provision import provision
from shared.settings import load
from tests.support.api import ask
from tests.support.pages import page
from tests.support.ports import free_port
from tests.support.stack import ROOT, Stack, StartHost, wait_until_open

MODEL, ROTATIONS = page("security-model.md"), page("rotate-keys.md")
SETTINGS = page("settings.md")
# The settings with a secret that somebody may have to replace.
SECRETS = re.compile("CONNECTION_STRING$|_KEY$|^AUTH_ISSUERS?$|JWKS_URL$")
OLD, NEW = "old-" * 10, "new-" * 10


@pytest.mark.parametrize("text", [MODEL, ROTATIONS], ids=["model", "rotations"])
def test_every_setting_and_route_on_the_page_is_there(text: str) -> None:
    settings = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text))
    routes = set(re.findall(r"`(?:(GET|POST|DELETE) )?(/[\w/{}.]+)`", text))
    described = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["paths"]
    there = {
        (method.upper(), re.sub(r"\{probe\}", "ready", path))
        for path, methods in described.items()
        for method in methods
    }

    assert settings
    assert routes
    assert {name for name in settings if f"`{name}`" not in SETTINGS} == set()
    assert {(method or "GET", route) for method, route in routes} - there == set()


def test_the_page_that_platforms_show_leads_to_both() -> None:
    shown = (ROOT / "SECURITY.md").read_text("utf-8")

    assert "docs/security-model.md" in shown
    assert "docs/rotate-keys.md" in shown
    assert "Report a vulnerability" in shown


def test_every_role_has_its_place_in_the_threat_model() -> None:
    names = {value for name, value in vars(roles).items() if name.isupper()}

    assert {name for name in names if f"`{name}`" not in MODEL} == set()


def test_every_setting_that_holds_or_leads_to_a_key_can_be_rotated() -> None:
    cells = re.findall(r"^\| (`[A-Z].*?) \|", SETTINGS, re.MULTILINE)
    names = {name for cell in cells for name in re.findall("[A-Z_]{6,}", cell)}
    found = {name for name in names if SECRETS.search(name)}

    assert len(found) > 5
    assert {name for name in found if f"`{name}`" not in ROTATIONS} == set()


async def test_event_grid_is_taken_through_all_steps_of_a_new_key(
    start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    statuses = {}
    for step, keys in {"before": OLD, "both": f"{OLD},{NEW}", "after": NEW}.items():
        host = await start_host(EVENT_GRID_KEY=keys)
        for name, given in (("old", OLD), ("new", NEW)):
            reply = await ask(
                client,
                host,
                "/incomingCalls",
                method="POST",
                headers={EVENT_KEY_HEADER: given},
                json=[handshake()],
            )
            statuses[step, name] = reply.status

    assert statuses == {
        ("before", "old"): 200,
        ("before", "new"): 401,
        ("both", "old"): 200,
        ("both", "new"): 200,
        ("after", "old"): 401,
        ("after", "new"): 200,
    }


def handshake() -> dict[str, object]:
    """The handshake that Event Grid makes first, and after each change of a subscription."""
    return {
        "id": str(uuid.uuid4()),
        "topic": "/subscriptions/x",
        "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "dataVersion": "1",
        "metadataVersion": "1",
        "eventTime": datetime.now(UTC).isoformat(),
        "data": {"validationCode": "512d38b6"},
    }


@pytest.fixture
def two_keys(stack: Stack) -> Iterator[tuple[Stack, Stack]]:
    """The stack with tables of an account with two keys, by the first and by the second."""
    port, second = free_port(), azurite.ACCOUNT_KEY[::-1].strip("=") + "=="
    environment = {
        **os.environ,
        "AZURITE_ACCOUNTS": f"{azurite.ACCOUNT}:{azurite.ACCOUNT_KEY}:{second}",
    }
    command = azurite.command(port=port, folder=None)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE) as process:
        try:
            wait_until_open(port)
            first = azurite.connection_string(port)
            yield (
                stack.with_tables(first),
                stack.with_tables(first.replace(azurite.ACCOUNT_KEY, second)),
            )
        finally:
            process.kill()


async def test_people_stay_who_they_are_while_the_storage_key_is_replaced(
    two_keys: tuple[Stack, Stack], start_host: StartHost, client: aiohttp.ClientSession
) -> None:
    """Instances with the first key and instances with the second serve at the same time."""
    bearer, ids = two_keys[0].token("alice, whose service gets a new key"), set()
    await provision(load(two_keys[0].settings).upstream)
    tables = [one.settings["TABLES_CONNECTION_STRING"] for one in two_keys]
    hosts = [await start_host(TABLES_CONNECTION_STRING=each) for each in tables]

    for host in (*hosts, hosts[0]):
        ids.add((await ask(client, host, "/token", bearer)).user_id)

    assert len(ids) == 1
    assert len(set(tables)) == 2
