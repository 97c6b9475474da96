"""The answer of each operation to each caller: the routes of the description x all kinds of
callers.

A route that is new needs a row in `tests.openapi.matrix`.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from tests.friends.test_friends_secrecy import told
from tests.openapi.callers import ERASED, OWNER, Caller, Scene, scene_on
from tests.openapi.matrix import MATRIX
from tests.openapi.matrix_row import FORBIDDEN, NOT_FOUND, OTHERS, UNAUTHENTICATED, Row
from tests.support.api import Reply, ask
from tests.support.ports import free_port
from tests.support.stack import ROOT, Issuer, Stack

pytestmark = pytest.mark.whole_stack

DESCRIBED: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))[
        "paths"
    ].items()
    for method, operation in methods.items()
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A host that two issuers' callers may ask."""
    url = f"http://127.0.0.1:{free_port()}"
    key_file = tmp_path_factory.mktemp("elsewhere") / "issuer.json"
    with Issuer(url, key_file, "api://elsewhere").running() as elsewhere:
        known = [{"issuer": elsewhere.url, "audience": elsewhere.audience}]
        host = stack.host(AUTH_ISSUERS=json.dumps(known))
        await host.start()
        try:
            async with scene_on(stack, host, elsewhere) as scene:
                yield scene
        finally:
            host.kill()


def test_every_route_of_the_description_has_its_row_and_no_other() -> None:
    assert MATRIX.keys() == DESCRIBED.keys()


@pytest.mark.parametrize("route", MATRIX)
def test_the_description_says_the_roles_of_the_row(route: str) -> None:
    row, described = MATRIX[route], DESCRIBED[route]
    if row.is_public or row.is_callback:
        assert "x-app-roles" not in described
        assert bool(described["security"]) == row.is_callback
        return
    if row.role is not None:
        expected = {"user": [row.role], "app": [row.role]}
    else:
        expected = {"user": [], **({"app": [row.app_role]} if row.app_role else {})}
    assert described["x-app-roles"] == expected
    assert described["security"] == [{"bearer": []}]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", MATRIX)
async def test_each_caller_gets_the_answer_that_is_theirs(scene: Scene, route: str) -> None:
    row = MATRIX[route]
    ids = await row.ids(scene)
    watched = await watch(scene, row, ids)
    callers = scene.callers(" of old" if row.has_new_callers else "")
    wrong, compared = dict[str, tuple[str, str]](), set[str]()
    for caller in callers:
        if caller.name == OWNER:
            assert await watch(scene, row, ids) == watched
        wanted = expected(row, caller)
        is_compared = bool(row.unknown) and learns_nothing(row, wanted, compared)
        # First, because an answer may use up what was there.
        nowhere = await request(scene, route, caller, row.unknown) if is_compared else None
        reply = await request(scene, route, caller, ids)
        if wanted != answer(reply):
            wrong[caller.name] = answer(reply), wanted
        if nowhere is not None:
            assert told(reply) == told(nowhere), caller.name
        if row.hidden is not None and reply.status == 200:
            is_told = row.hidden(scene) in json.dumps(reply.json)
            assert is_told == (caller.name in row.told), caller.name
    assert wrong == {}


async def watch(scene: Scene, row: Row, ids: Any) -> object:
    """The owner's view."""
    if row.watch is None:
        return None
    return (await scene.owner.ask(row.watch.format(**ids))).json


async def request(scene: Scene, route: str, caller: Caller, ids: Any) -> Reply:
    row, (method, path) = MATRIX[route], route.split()
    body = None if row.body is None else row.body(scene)
    own = {name: ids[key] for name in ids if (key := f"{name} of {caller.name}") in ids}
    path = path.format(**{**ids, **own})
    sent, client = row.headers(scene), scene.client
    reply = await ask(
        client, scene.host, path, caller.bearer, method=method, json=body, headers=sent
    )
    # The answer of a public route need not be JSON.
    return replace(reply, json=None) if row.is_public else reply


def answer(reply: Reply) -> str:
    return f"{reply.status} {(reply.json or {}).get('code', '')}".strip()


def learns_nothing(row: Row, answered: str, compared: set[str]) -> bool:
    """Whether this answer has to be the same as for an id that leads nowhere.

    A 204 has to be, if everybody gets it; if some callers get a 404, a 204 shows that something was
    there. A refusal before any id is read is compared once, because it costs a request.
    """
    if answered in (UNAUTHENTICATED, FORBIDDEN):
        is_first = answered not in compared
        compared.add(answered)
        return is_first
    return answered == (NOT_FOUND if NOT_FOUND in row.answers.values() else "204")


def expected(row: Row, caller: Caller) -> str:
    """Status and problem: by the roles first, and then by the row."""
    if row.is_public:
        return row.answers[OTHERS]
    if row.is_callback or not caller.is_known:
        return UNAUTHENTICATED
    if row.role is None and caller.is_app and row.app_role is None:
        return FORBIDDEN
    needed = row.app_role if row.role is None and caller.is_app else row.role
    if needed is not None and needed not in caller.roles:
        return FORBIDDEN
    if caller.name == ERASED:
        return row.erased
    return row.answers.get(caller.name, row.answers[OTHERS])
