"""A client of the product: asks as the function folders do, and gets the JSON that they answer."""

import json
from collections.abc import Awaitable
from typing import Any

from shared.app import App
from shared.bodies import Answer
from shared.calls.contract import CallsAnswer, CallsQuery, WatchedCallAnswer
from shared.calls.dialling import Target
from shared.calls.events import read_events
from shared.friends.contract import FriendAnswer, FriendsAnswer
from shared.identity.contract import BotAnswer, UserAnswer
from shared.principals import Caller, Principal
from shared.privacy.contract import ExportAnswer
from shared.problems import Problem
from shared.sharing.contract import InvitationAnswer, InvitationsAnswer
from tests.golden.product import READ, user

type Json = dict[str, Any]

_RESOURCE = "8:acs:acde0000-0000-4000-8000-000000007073_0000001c-01a2-"


def acs(rest: str) -> str:
    """The ACS id of somebody of the golden rows, by its end: all begin alike."""
    return _RESOURCE + rest


class Client:
    """Somebody who asks a host of the product."""

    def __init__(self, app: App, caller: Caller) -> None:
        self.app, self.caller = app, caller

    async def user(self) -> Json:
        found = await self.app.identities.find(self.caller.principal, self.caller.issued_at)
        return _json(UserAnswer.of(self.caller, found))

    async def bot(self, bot_id: str) -> Json:
        return _json(BotAnswer.of(bot_id, await self.app.bots.resolve(self.caller, bot_id)))

    async def friends(self) -> list[Json]:
        """By their ids."""
        found, after = await self.app.friends.list_for(self.caller, None, "")
        listed = _json(FriendsAnswer.of(found, after, None))["friends"]
        return sorted(listed, key=lambda friend: str(friend["id"]))

    async def friend(self, friend_id: str) -> Json:
        return _json(FriendAnswer.of(await self.app.friends.resolve(self.caller, friend_id)))

    async def invitations(self, space: str | None = None) -> list[Json]:
        found = await self.app.invitations.list_for(self.caller, space)
        answer = InvitationsAnswer.of(found)
        return list(_json(answer)["invitations"])

    async def invitation(self, call_id: str) -> Json:
        return _json(InvitationAnswer.of(await self.app.invitations.open(self.caller, call_id)))

    async def calls(self, bot: str | None = None) -> list[Json]:
        found, after = await self.app.calls.list_for(self.caller, "", bot)
        return list(_json(CallsAnswer.of(found, after, CallsQuery(bot=bot)))["calls"])

    async def call(self, call_id: str) -> Json:
        return _json(WatchedCallAnswer.with_events(await self.app.calls.get(self.caller, call_id)))

    async def place(self, key: str, *targets: Target) -> str:
        """The id of the call of a request with that Idempotency-Key."""
        placed = await self.app.call_placing.place(self.caller, key, targets, None, None)
        return placed.call.call_id

    async def invite(self, call_id: str, key: str, target: Target) -> str:
        """The id of the action of a request with that Idempotency-Key."""
        return (await self.app.call_actions.invite(self.caller, call_id, key, target)).id

    async def export(self) -> Json:
        principal = self.caller.principal
        held = await self.app.personal_data.export(self.caller)
        answer = ExportAnswer(
            id=principal.id,
            realm=principal.realm,
            exported_at=READ,
            held=held,
        )
        return dict(_json(answer)["held"])


async def tell(
    app: App, call_id: str, connection: str, event_id: str, kind: str, **data: object
) -> bool:
    """Apply an event of ACS, as /api/callEvents does; returns whether it came for the first
    time."""
    event = {
        "id": event_id,
        "specversion": "1.0",
        "type": f"Microsoft.Communication.{kind}",
        "time": READ.isoformat(),
        "data": {"callConnectionId": connection, **data},
    }
    landed = await app.calls.apply(call_id, read_events(json.dumps([event]).encode()))
    await app.attendant.continue_call(landed)
    return landed.has_new_events


async def mapping(app: App, who: Principal | str) -> Json | None:
    """What is stored about somebody's identity, also what no client sees."""
    found = await app.identities.find(user(who) if isinstance(who, str) else who)
    if found is None:
        return None
    return {
        "communicationUserId": found.communication_user_id,
        "displayName": found.display_name,
        "generation": found.generation,
        "version": found.version,
        "told": found.is_announced,
        "namedAt": found.named_at and found.named_at.isoformat(),
        "createdAt": found.created_at.isoformat(),
    }


async def owner(app: App, communication_user_id: str) -> tuple[str, str, str] | None:
    """The owner of an ACS identity: kind, realm and id."""
    found = await app.identities.owner_of(communication_user_id)
    return None if found is None else (found.kind.value, found.realm, found.id)


async def refusal(request: Awaitable[object]) -> str:
    """The code of the problem that a request is refused with."""
    try:
        answered = await request
    except Problem as problem:
        return problem.code
    raise AssertionError(f"it was answered: {answered}")


def _json(answer: Answer) -> Json:
    return dict(json.loads(answer.model_dump_json(by_alias=True)))
