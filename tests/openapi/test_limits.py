"""One page and the description have every limit, for every route, with the answer that refuses."""

import json
from typing import Any

import pytest

from shared.openapi.document import DESCRIPTION
from shared.openapi.functions import operations
from shared.openapi.limits import PAGE, all_limits, limits_of, page
from tests.project.limits_met import MET_ELSEWHERE
from tests.project.stored_limits_met import MET
from tests.support.described import codes_of
from tests.support.pages import README
from tests.support.stack import ROOT

DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text("utf-8"))

READ = {"parameters", "bearer-token"}
WRITTEN = {*READ, "body", "body-values"}
SHARED = {*WRITTEN, "in-space", "invitees", "shared", "sharings"}
# The limits of the callers of each route. Add new limits here.
ROUTES: dict[str, set[str]] = {
    "GET /agents": READ,
    "DELETE /agents/{objectId}": {*READ, "agent-changes"},
    "PUT /agents/{objectId}": {*WRITTEN, "agent-changes", "agents"},
    "GET /voiceApps": READ,
    "DELETE /bots/{botId}": {*READ, "bot-changes"},
    "GET /bots/{botId}": READ,
    "PUT /bots/{botId}": {*WRITTEN, "bot-changes", "bots"},
    "DELETE /bots/{botId}/token": {*READ, "revocations"},
    "POST /bots/{botId}/token": {*WRITTEN, "heals", "new-tokens"},
    "POST /callEvents/{callId}": {"body"},  # ACS's
    "GET /calls": READ,
    "POST /calls": {*WRITTEN, "legs", "live-calls", "targets"},
    "DELETE /calls/{callId}": READ,
    "GET /calls/{callId}": READ,
    "POST /calls/{callId}/participants": {*WRITTEN, "actions", "legs"},
    "DELETE /calls/{callId}/participants/{participantId}": READ,
    "POST /calls/{callId}/play": {*WRITTEN, "actions"},
    "POST /calls/{callId}/recording": {*WRITTEN, "recordings"},
    "POST /calls/{callId}/tones": {*WRITTEN, "actions"},
    "GET /docs": {"parameters"},
    "GET /docs/{asset}": {"parameters"},
    "HEAD /docs": {"parameters"},
    "HEAD /docs/{asset}": {"parameters"},
    "GET /friends": READ,
    "DELETE /friends/{friendId}": {*READ, "decisions", "friends"},
    "GET /friends/{friendId}": READ,
    "PUT /friends/{friendId}": {*WRITTEN, "decisions", "friends", "unanswered"},
    "POST /groupCalls": SHARED,
    "DELETE /groupCalls/{id}": READ,
    "GET /health": {"parameters"},
    "HEAD /health": {"parameters"},
    "GET /health/{probe}": {"parameters"},
    "HEAD /health/{probe}": {"parameters"},
    "POST /incomingCalls": {"body"},  # Event Grid's
    "GET /invitations": {*READ, "listings"},
    "GET /invitations/{id}": READ,
    "POST /meetings": SHARED,
    "PUT /meetings": SHARED,
    "DELETE /meetings/{id}": READ,
    "GET /openapi.json": {"parameters"},
    "HEAD /openapi.json": {"parameters"},
    "DELETE /token": {*READ, "revocations"},
    "GET /token": {*READ, "heals", "new-tokens"},
    "POST /token": {*WRITTEN, "heals", "new-tokens"},
    "GET /token/teams": {*READ, "teams-tokens"},
    "POST /token/teams": {*WRITTEN, "teams-tokens"},
    "DELETE /user": {*READ, "erasures"},
    "GET /user": READ,
    "GET /user/export": {*READ, "exports"},
}


def described() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def test_each_route_has_its_limits_and_no_others() -> None:
    found = {
        route: {limit["name"] for limit in operation["x-limits"]}
        for route, operation in described().items()
    }

    assert found == ROUTES


def test_each_limit_is_of_a_route_and_is_really_met() -> None:
    names = [limit.name for limit in all_limits()]

    assert len(names) == len(set(names))
    assert set(names) == set().union(*ROUTES.values())
    assert set(names) == MET.keys() | MET_ELSEWHERE.keys()


@pytest.mark.parametrize("route", ROUTES)
def test_what_a_limit_refuses_with_is_an_answer_of_its_route(route: str) -> None:
    operation = described()[route]
    for limit in operation["x-limits"]:
        if route.startswith("HEAD"):
            assert str(limit["status"]) in operation["responses"]
        else:
            answer = operation["responses"][str(limit["status"])]
            assert limit["code"] in codes_of(DOCUMENT, answer), limit


def test_the_page_is_what_the_functions_declare() -> None:
    written = PAGE.read_text("utf-8")

    assert written == page(operations()), "it is old: run `python3 dev.py openapi`"
    for one in operations():
        for limit in limits_of(one):
            assert f"`{limit.name}`" in written
            assert f"`{limit.problem.code}`" in written


def test_the_page_is_found_from_the_readme() -> None:
    assert "docs/limits.md" in README


@pytest.mark.parametrize("name", MET_ELSEWHERE)
def test_the_tests_of_limits_that_are_met_elsewhere_exist(name: str) -> None:
    path, test = MET_ELSEWHERE[name]

    assert f"def {test}(" in (ROOT / path).read_text("utf-8")
