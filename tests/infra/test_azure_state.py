"""What hooks ask Azure first: the budget that there is, and whether Event Grid may be used. And how
they wait for an app that is not ready."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.hooks import __main__ as hooks
from infra.hooks import azure_state, deployed
from infra.hooks.rest import HookError, Rest
from tests.infra.checks import MAIN, infra

SUBSCRIPTION = "a-subscription"
BUDGETS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dev/providers/Microsoft.Consumption/budgets"
)
PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventGrid"
OURS = "budget-abcdefghijklm"
VALUES = {
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "AZURE_ENV_NAME": "dev",
    "AZURE_TENANT_ID": "a-tenant",
    "AUTH_CLIENT_ID": "a registration of the operator's own",
    "EVENT_GRID_KEY": "a-key-of-event-grid-with-32-characters",
}


class Azure:
    """Resource Manager, or an app: gives the answers in turn, and the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        key = (request.method, request.path)
        self.asked.append(key)
        given = self.answers[key]
        status, content = given.pop(0) if len(given) > 1 else given[0]
        return web.json_response(content, status=status)

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    azure, app = Azure(), web.Application()
    app.router.add_route("*", "/{tail:.*}", azure.answer)
    async with TestServer(app) as server:
        azure.url = str(server.make_url("")).rstrip("/")
        yield azure


@pytest.fixture
def arm(azure: Azure, session: aiohttp.ClientSession) -> Rest:
    async def token() -> str:
        return "an operator's"

    return Rest(session, azure.url, token, azure.pause)


def budget(name: str, start: str) -> dict[str, Any]:
    return {"name": name, "properties": {"timePeriod": {"startDate": start}}}


async def start_kept(arm: Rest, **values: str) -> str | None:
    kept: dict[str, str] = {}
    later = datetime(2027, 2, 14, tzinfo=UTC)
    await hooks.preprovision(arm, arm, {**VALUES, **values}, kept.__setitem__, lambda: later)
    return kept.get("BUDGET_START")


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, {"error": {"code": "ResourceGroupNotFound"}}),
        (409, {"error": {"code": "MissingSubscriptionRegistration"}}),
        (200, {"value": []}),
        (200, {"value": [budget("of-somebody-else", "2026-01-01T00:00:00Z")]}),
    ],
)
async def test_a_budget_that_is_asked_for_later_begins_in_the_month_in_which_it_is_made(
    azure: Azure, arm: Rest, status: int, content: object
) -> None:
    azure.answers["GET", BUDGETS] = [(status, content)]

    # What a run of an earlier month has left, without a budget.
    started = await start_kept(arm, BUDGET_EMAIL="a@b.example", BUDGET_START="2026-11-01")

    assert started == "2027-02-01"


async def test_a_budget_that_there_is_keeps_its_start(azure: Azure, arm: Rest) -> None:
    others = [budget("another", "2026-01-01T00:00:00Z"), budget(OURS, "2026-12-01T00:00:00Z")]
    azure.answers["GET", BUDGETS] = [(200, {"value": others})]

    assert await start_kept(arm, BUDGET_EMAIL="a@b.example") == "2026-12-01"


async def test_without_an_address_no_budget_is_looked_for(azure: Azure, arm: Rest) -> None:
    assert await start_kept(arm, BUDGET_EMAIL=" ") is None
    assert azure.asked == []


@pytest.mark.parametrize(
    "content",
    [
        None,
        {"value": [{}]},
        {"value": [{"name": OURS}]},
        {"value": [budget(OURS, "soon")]},
    ],
)
async def test_a_malformed_answer_about_budgets_is_told(
    azure: Azure, arm: Rest, content: object
) -> None:
    azure.answers["GET", BUDGETS] = [(200, content)]

    with pytest.raises(HookError, match="the answer with the budgets"):
        await start_kept(arm, BUDGET_EMAIL="a@b.example")


def test_the_hook_knows_the_names_of_the_group_and_the_budget() -> None:
    main = infra()[MAIN]

    assert "name: 'rg-${environmentName}'" in main
    assert "name: 'budget-${token}'" in main


GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dev"


async def test_a_second_environment_for_an_app_that_is_there_is_stopped(
    azure: Azure, arm: Rest
) -> None:
    """A lost or a colleague's folder: it would unset what was chosen, and make another key."""
    azure.answers["GET", GROUP] = [(200, {})]

    with pytest.raises(HookError, match="Azure has rg-dev already"):
        await start_kept(arm, EVENT_GRID_KEY="")


async def test_a_first_environment_is_made(azure: Azure, arm: Rest) -> None:
    azure.answers["GET", GROUP] = [(404, {})]

    assert await start_kept(arm, EVENT_GRID_KEY="") is None


def state(word: str) -> tuple[int, dict[str, str]]:
    return 200, {"registrationState": word}


async def test_event_grid_is_registered_where_it_is_not(azure: Azure, arm: Rest) -> None:
    azure.answers["GET", PROVIDER] = [
        *(state(word) for word in ("NotRegistered", "Registering", "Registering", "Registered"))
    ]
    azure.answers["POST", f"{PROVIDER}/register"] = [state("Registering")]

    await azure_state.register_event_grid(arm, SUBSCRIPTION)
    await azure_state.register_event_grid(arm, SUBSCRIPTION)

    assert [method for method, _ in azure.asked] == ["GET", "POST", "GET", "GET", "GET", "GET"]


async def test_who_may_not_register_event_grid_is_told_who_may(azure: Azure, arm: Rest) -> None:
    azure.answers["GET", PROVIDER] = [state("Unregistered")]
    azure.answers["POST", f"{PROVIDER}/register"] = [(403, {"error": {"code": "No"}})]

    with pytest.raises(HookError, match=r"an owner .* az provider register --namespace"):
        await azure_state.register_event_grid(arm, SUBSCRIPTION)


async def test_a_registration_that_does_not_end_is_told(azure: Azure, arm: Rest) -> None:
    azure.answers["GET", PROVIDER] = [state("Registering")]

    with pytest.raises(HookError, match="still not registered"):
        await azure_state.register_event_grid(arm, SUBSCRIPTION)
    assert sum(azure.pauses) == 600


READY = ("GET", "/api/health/ready")


def wrong(setting: str) -> tuple[int, dict[str, str]]:
    return 500, {
        "type": "urn:trusted-service:problem:misconfigured",
        "detail": f"Wrong or missing settings: {setting}.",
    }


async def test_a_wrong_setting_is_told_within_a_minute(
    azure: Azure, session: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    azure.answers[READY] = [(503, {"detail": "Down: storage."}), wrong("TOKEN_SCOPES")]

    with pytest.raises(HookError, match="500 Wrong or missing settings: TOKEN_SCOPES"):
        await deployed.wait_until_ready(session, azure.url, azure.pause)

    assert sum(azure.pauses) <= 60
    assert capsys.readouterr().out.splitlines() == [
        "The app is not ready yet: 503 Down: storage.",
        *["The app is not ready yet: 500 Wrong or missing settings: TOKEN_SCOPES."] * 2,
    ]


@pytest.mark.parametrize(
    "answers",
    [
        # The app's role in the vault applies later.
        [wrong("EVENT_GRID_KEY")] * 20,
        # The instance of before is still there.
        [wrong("BOTS"), (503, {}), wrong("BOTS"), wrong("BOTS")],
    ],
)
async def test_a_fault_that_heals_is_waited_for(
    azure: Azure, session: aiohttp.ClientSession, answers: list[tuple[int, Any]]
) -> None:
    azure.answers[READY] = [*answers, (200, {})]

    await deployed.wait_until_ready(session, azure.url, azure.pause)
    assert len(azure.asked) == len(answers) + 1


async def test_what_an_app_says_cannot_steer_the_terminal(
    azure: Azure, session: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    azure.answers[READY] = [(502, {"detail": "\x1b[2Jgone\n" + "x" * 5000}), (200, {})]

    await deployed.wait_until_ready(session, azure.url, azure.pause)

    [line] = capsys.readouterr().out.splitlines()
    assert "\x1b" not in line
    assert len(line) < 400
