"""Users of the API, who make friends and share calls."""

import base64
import copy
from typing import Any

import aiohttp
import vobject

from tests.support.api import Reply, ask
from tests.support.stack import Host, Issuer

FRIENDS = {"friends": True}


class Person:
    """A user of the API, who asks one host."""

    def __init__(
        self, client: aiohttp.ClientSession, host: Host, issuer: Issuer, user: str, name: str
    ) -> None:
        self._client, self._issuer = client, issuer
        self.host, self.id, self.name = host, user, name
        self.bearer = issuer.token(user, name=name)

    def at(self, host: Host) -> "Person":
        """The same person, signed in as before, at another host."""
        same = copy.copy(self)
        same.host = host
        return same

    def others(self, *users: str) -> "list[Person]":
        """People with these ids, at the same host."""
        return [Person(self._client, self.host, self._issuer, id_, id_.title()) for id_ in users]

    def sign_in(self, *roles: str) -> None:
        """Anew, with these app roles."""
        self.bearer = self._issuer.token(self.id, name=self.name, roles=roles)

    async def ask(
        self, path: str, method: str = "GET", json: object = None, **headers: str
    ) -> Reply:
        return await ask(
            self._client, self.host, path, self.bearer, method=method, json=json, headers=headers
        )

    async def token(self) -> Reply:
        return await self.ask("/token")

    async def renamed(self, name: str) -> Reply:
        self.bearer = self._issuer.token(self.id, name=name)
        return await self.token()

    async def forget(self) -> Reply:
        return await self.ask("/user", "DELETE")

    async def export(self) -> Reply:
        return await self.ask("/user/export")

    async def add(self, friend: str) -> Reply:
        return await self.ask(f"/friends/{coded(friend)}", "PUT")

    async def remove(self, friend: str, query: str = "") -> Reply:
        return await self.ask(f"/friends/{coded(friend)}{query}", "DELETE")

    async def resolve(self, friend: str) -> Reply:
        return await self.ask(f"/friends/{coded(friend)}")

    async def friends(self, query: str = "") -> Reply:
        return await self.ask(f"/friends{query}")

    async def states(self) -> dict[str, str]:
        listed = await self.friends()
        return {friend["id"]: friend["state"] for friend in listed.json["friends"]}

    async def share(self, group_id: str, audience: object, **more: object) -> Reply:
        body = {"groupId": group_id, "audience": audience, **more}
        return await self.ask("/groupCalls", "POST", body)

    async def unshare(self, call: str) -> Reply:
        return await self.ask(f"/groupCalls/{call}", "DELETE")

    async def open(self, call: str) -> Reply:
        return await self.ask(f"/invitations/{call}")

    async def calendar(self, call: str) -> Any:
        """The invitation as another library than the one that wrote it reads it."""
        reply = await self.ask(f"/invitations/{call}", Accept="text/calendar")
        assert reply.status == 200, reply
        assert reply.headers["Content-Type"].startswith("text/calendar")
        return vobject.readOne(reply.json)

    async def invitations(self, space: str | None = None) -> list[dict[str, Any]]:
        reply = await self.ask(f"/invitations?space={space}" if space else "/invitations")
        assert reply.status == 200, reply
        return list(reply.json["invitations"])

    async def calls(self, space: str | None = None) -> list[str]:
        """The ids of what is listed."""
        return [invitation["id"] for invitation in await self.invitations(space)]


class People:
    """Makes users whose ids no other test has."""

    def __init__(self, client: aiohttp.ClientSession, issuer: Issuer, prefix: str) -> None:
        self._client, self._issuer, self._prefix = client, issuer, prefix

    def __call__(self, host: Host, *names: str) -> list[Person]:
        return [
            Person(self._client, host, self._issuer, f"{name} of {self._prefix}", name.title())
            for name in names
        ]


def coded(user: str) -> str:
    """An id as it fits into a path, whatever it holds."""
    return "~" + base64.urlsafe_b64encode(user.encode()).rstrip(b"=").decode()


async def befriend(one: Person, *others: Person) -> None:
    for other in others:
        await one.add(other.id)
        assert (await other.add(one.id)).json["state"] == "accepted"
