"""The authorization matrix: the answer of each operation in the description to each caller.

A row repeats the app roles that its operation needs: otherwise no test would notice that a function
has lost one.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.auth.roles import (
    AGENTS_MANAGE,
    BOTS_OPERATE,
    CALLS_MANAGE,
    CALLS_RECORD,
    MEETINGS_SCHEDULE,
    TOKENS_ISSUE,
)
from tests.openapi.callers import (
    APP_ELSEWHERE,
    ELSEWHERE,
    FRIEND,
    INVITED,
    MANAGER,
    OWNER,
    OWNER_WITHOUT_ROLES,
    STRANGER,
    Scene,
)
from tests.openapi.matrix_row import INVALID, NOT_FOUND, OTHERS, Row
from tests.support.people import befriend, coded

LINK = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_bWF0cml4@thread.v2/0"


async def an_object_id(_scene: Scene) -> Mapping[str, str]:
    return {"objectId": str(uuid.uuid4())}


async def the_call(scene: Scene) -> Mapping[str, str]:
    return {"callId": scene.ids["call"]}


async def another_call(scene: Scene) -> Mapping[str, str]:
    return {"callId": (await scene.call(INVITED))["id"]}


async def a_participant(scene: Scene) -> Mapping[str, str]:
    """One row for all callers who may remove none, and one for each caller who may."""
    call = await scene.call(INVITED, FRIEND, STRANGER)
    ids = [one["id"] for one in call["participants"]]
    removers = (CALLS_MANAGE, MANAGER, OWNER)
    each = {f"participantId of {name}": id_ for name, id_ in zip(removers, ids, strict=True)}
    return {"callId": call["id"], "participantId": ids[0], **each}


async def the_shared(scene: Scene) -> Mapping[str, str]:
    return {"id": scene.ids["shared"]}


async def another_shared(scene: Scene) -> Mapping[str, str]:
    return {"id": await scene.group_call()}


async def a_meeting(scene: Scene) -> Mapping[str, str]:
    return {"id": await scene.meeting()}


async def a_bot(scene: Scene) -> Mapping[str, str]:
    return {"botId": await scene.bot()}


async def the_friend(scene: Scene) -> Mapping[str, str]:
    return {"friendId": coded(scene.people[FRIEND].id)}


async def another_friend(scene: Scene) -> Mapping[str, str]:
    [pal] = scene.owner.others("pal of the matrix")
    await pal.token()
    await befriend(scene.owner, pal)
    return {"friendId": coded(pal.id)}


def constant(**ids: str) -> Callable[[Scene], Awaitable[Mapping[str, str]]]:
    async def same(_scene: Scene) -> Mapping[str, str]:
        return ids

    return same


def key(_scene: Scene) -> Mapping[str, str]:
    """All have the same: it means another request for each of them."""
    return {"Idempotency-Key": "matrix"}


def times(_scene: Scene) -> dict[str, str]:
    begins = datetime.now(UTC) + timedelta(days=1)
    return {
        "startsAt": begins.isoformat(),
        "endsAt": (begins + timedelta(hours=1)).isoformat(),
    }


def user(name: str) -> Callable[[Scene], dict[str, str]]:
    return lambda scene: {"user": scene.people[name].id}


NO_AGENT = {"objectId": str(uuid.UUID(int=0))}
NO_CALL = {"callId": "0" * 32}
NO_SHARED = {"id": "0" * 64}
NO_BOT = {"botId": f"bot-{uuid.UUID(int=0).hex}"}
NO_FRIEND = {"friendId": coded("nobody of the matrix")}
GROUP = "5b0c6d2e-0000-4000-8000-0123456789ab"
SPACE = {"space": "space of the matrix"}

EVERYBODY = {OTHERS: "200"}
REALMS_CALL = {ELSEWHERE: NOT_FOUND, APP_ELSEWHERE: NOT_FOUND}
REALMS_BOT = {ELSEWHERE: NOT_FOUND, APP_ELSEWHERE: NOT_FOUND}
PUBLIC = Row(answers=EVERYBODY, is_public=True)


def on_a_call(role: str, answers: Mapping[str, str], **more: Any) -> Row:
    """What steers the call of the scene."""
    return Row(role=role, answers={**REALMS_CALL, **answers}, ids=the_call, unknown=NO_CALL, **more)


MATRIX: Mapping[str, Row] = {
    # The host of this table has neither resource accounts nor voice apps: tests.teams_phone.
    "PUT /agents/{objectId}": Row(
        role=AGENTS_MANAGE, ids=an_object_id, answers={OTHERS: "501 not-configured"}
    ),
    "DELETE /agents/{objectId}": Row(
        role=AGENTS_MANAGE, ids=an_object_id, unknown=NO_AGENT, answers={OTHERS: "204"}
    ),
    "GET /agents": Row(role=AGENTS_MANAGE, answers=EVERYBODY),
    "GET /voiceApps": Row(answers=EVERYBODY),
    "PUT /bots/{botId}": Row(
        role=BOTS_OPERATE,
        ids=a_bot,
        body=lambda _scene: {"displayName": "Bot"},
        watch="/bots/{botId}",
        answers={ELSEWHERE: "201", OTHERS: "200"},
    ),
    "DELETE /bots/{botId}": Row(
        role=BOTS_OPERATE, ids=a_bot, unknown=NO_BOT, answers={OTHERS: "204"}
    ),
    "GET /bots/{botId}": Row(
        ids=a_bot, unknown=NO_BOT, answers={ELSEWHERE: NOT_FOUND, OTHERS: "200"}
    ),
    "POST /bots/{botId}/token": Row(
        role=BOTS_OPERATE, ids=a_bot, unknown=NO_BOT, answers={**REALMS_BOT, OTHERS: "200"}
    ),
    "DELETE /bots/{botId}/token": Row(
        role=BOTS_OPERATE,
        ids=a_bot,
        unknown=NO_BOT,
        watch="/bots/{botId}",
        answers={OTHERS: "204"},
    ),
    "POST /callEvents/{callId}": Row(answers={}, is_callback=True, ids=the_call, unknown=NO_CALL),
    "POST /incomingCalls": Row(answers={}, is_callback=True),
    "GET /calls": Row(
        app_role=CALLS_MANAGE,
        answers=EVERYBODY,
        hidden=lambda scene: scene.ids["call"],
        told=frozenset({OWNER, OWNER_WITHOUT_ROLES}),
    ),
    "POST /calls": Row(
        role=CALLS_MANAGE,
        body=lambda scene: {"to": [user(INVITED)(scene)]},
        headers=key,
        answers={ELSEWHERE: INVALID, APP_ELSEWHERE: INVALID, OTHERS: "201"},
    ),
    "GET /calls/{callId}": Row(
        app_role=CALLS_MANAGE,
        ids=the_call,
        unknown=NO_CALL,
        answers={
            CALLS_MANAGE: "200",
            MANAGER: "200",
            OWNER_WITHOUT_ROLES: "200",
            OWNER: "200",
            OTHERS: NOT_FOUND,
        },
    ),
    "DELETE /calls/{callId}": Row(
        role=CALLS_MANAGE,
        ids=another_call,
        unknown=NO_CALL,
        answers={**REALMS_CALL, OTHERS: "204"},
    ),
    "POST /calls/{callId}/participants": on_a_call(
        CALLS_MANAGE, {OTHERS: "202"}, body=user(STRANGER), headers=key
    ),
    "DELETE /calls/{callId}/participants/{participantId}": Row(
        role=CALLS_MANAGE,
        ids=a_participant,
        unknown={"callId": "0" * 32, "participantId": "0" * 32},
        answers={**REALMS_CALL, OTHERS: "202"},
    ),
    "POST /calls/{callId}/play": on_a_call(
        CALLS_MANAGE,
        {OTHERS: "202"},
        body=lambda _scene: {"url": "https://audio.example.com/hello.wav"},
    ),
    "POST /calls/{callId}/recording": on_a_call(
        CALLS_RECORD,
        # May record the calls that they see, and sees no calls of others.
        {CALLS_RECORD: NOT_FOUND, OTHERS: "409 not-recorded"},
        body=lambda _scene: {"action": "stop"},
    ),
    "POST /calls/{callId}/tones": on_a_call(
        CALLS_MANAGE,
        {OTHERS: "202"},
        body=lambda scene: {"from": user(INVITED)(scene), "maxTones": 1},
    ),
    "GET /docs": PUBLIC,
    "GET /docs/{asset}": Row(answers=EVERYBODY, is_public=True, ids=constant(asset="page.js")),
    "HEAD /docs": PUBLIC,
    "HEAD /docs/{asset}": Row(answers=EVERYBODY, is_public=True, ids=constant(asset="page.js")),
    "GET /friends": Row(
        answers=EVERYBODY,
        hidden=lambda scene: scene.people[FRIEND].id,
        told=frozenset({OWNER, OWNER_WITHOUT_ROLES}),
    ),
    "PUT /friends/{friendId}": Row(
        ids=the_friend,
        answers={
            OWNER: "200",
            OWNER_WITHOUT_ROLES: "200",
            FRIEND: INVALID,
            OTHERS: "201",
        },
        watch="/friends/{friendId}",
    ),
    "DELETE /friends/{friendId}": Row(
        ids=another_friend,
        unknown=NO_FRIEND,
        answers={OTHERS: "204"},
    ),
    "GET /friends/{friendId}": Row(
        ids=the_friend,
        unknown=NO_FRIEND,
        answers={OWNER: "200", OWNER_WITHOUT_ROLES: "200", OTHERS: NOT_FOUND},
    ),
    "POST /groupCalls": Row(
        body=lambda scene: {"groupId": GROUP, "audience": SPACE, **times(scene)},
        answers={OWNER: "200", OTHERS: "201"},
    ),
    "DELETE /groupCalls/{id}": Row(ids=another_shared, unknown=NO_SHARED, answers={OTHERS: "204"}),
    "GET /health": PUBLIC,
    "HEAD /health": PUBLIC,
    "GET /health/{probe}": Row(answers=EVERYBODY, is_public=True, ids=constant(probe="ready")),
    "HEAD /health/{probe}": Row(answers=EVERYBODY, is_public=True, ids=constant(probe="ready")),
    "GET /invitations": Row(
        answers=EVERYBODY,
        hidden=lambda scene: scene.ids["shared"],
        told=frozenset({OWNER, OWNER_WITHOUT_ROLES, INVITED}),
    ),
    "GET /invitations/{id}": Row(
        app_role=MEETINGS_SCHEDULE,
        ids=the_shared,
        unknown=NO_SHARED,
        answers={OWNER: "200", OWNER_WITHOUT_ROLES: "200", INVITED: "200", OTHERS: NOT_FOUND},
    ),
    "POST /meetings": Row(
        role=MEETINGS_SCHEDULE,
        body=lambda scene: {
            "externalId": "matrix",
            "subject": "Matrix",
            "audience": SPACE,
            **times(scene),
        },
        answers={OTHERS: "201"},
    ),
    "PUT /meetings": Row(
        body=lambda _scene: {"joinWebUrl": LINK, "audience": SPACE},
        answers={OWNER: "200", OTHERS: "201"},
    ),
    "DELETE /meetings/{id}": Row(
        app_role=MEETINGS_SCHEDULE, ids=a_meeting, unknown=NO_SHARED, answers={OTHERS: "204"}
    ),
    "GET /openapi.json": PUBLIC,
    "HEAD /openapi.json": PUBLIC,
    "GET /token": Row(app_role=TOKENS_ISSUE, answers=EVERYBODY),
    "POST /token": Row(app_role=TOKENS_ISSUE, answers=EVERYBODY),
    "DELETE /token": Row(app_role=TOKENS_ISSUE, answers={OTHERS: "204"}),
    "GET /token/teams": Row(
        answers=EVERYBODY, headers=lambda scene: {"teams-user-aad-token": scene.teams_token}
    ),
    "POST /token/teams": Row(
        answers=EVERYBODY, headers=lambda scene: {"teams-user-aad-token": scene.teams_token}
    ),
    "DELETE /user": Row(
        app_role=MEETINGS_SCHEDULE,
        answers={OTHERS: "204"},
        erased="204",
        has_new_callers=True,
    ),
    "GET /user": Row(
        answers=EVERYBODY,
    ),
    "GET /user/export": Row(
        app_role=MEETINGS_SCHEDULE,
        answers=EVERYBODY,
        hidden=lambda scene: scene.ids["call"],
        told=frozenset({OWNER, OWNER_WITHOUT_ROLES}),
    ),
}
