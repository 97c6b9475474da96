"""A client that does what answers tell it: it waits for Retry-After, and sends the same again."""

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp

from tests.support.api import Reply, ask
from tests.support.people import Person
from tests.support.stack import Host

# How long one request may take, all repetitions included: hosts die, machines are busy, and of the
# tries of an erasure, which asks storage 43 times, half come to a request that is not answered.
PATIENCE_SECONDS = 400.0
# Before a repetition that no answer tells the time of, plus or minus half.
_PAUSE_SECONDS = 0.3
# Share of the answers that do not reach the client, though the host has sent them.
_LOST = 0.05
_COME_AGAIN = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_TRY_AGAIN = frozenset({"conflict", "being-erased"})


class Hosts:
    """The hosts behind one address: each request comes to any of them, as behind a balancer.

    Attributes:
        answers: how often each status was answered, and what else came of requests.
    """

    def __init__(self, hosts: Sequence[Host], chance: random.Random) -> None:
        self.all = list(hosts)
        self.chance = chance
        self.answers: Counter[str] = Counter()

    def any(self) -> Host:
        return self.chance.choice(self.all)

    def loses_answer(self) -> bool:
        return self.chance.random() < _LOST


class PatientPerson(Person):
    """Somebody whose client sends a request again until it is answered for good."""

    _hosts: Hosts

    @classmethod
    def of(cls, person: Person, hosts: Hosts) -> "PatientPerson":
        patient = copy.copy(person)
        patient.__class__ = cls
        assert isinstance(patient, cls)
        patient._hosts = hosts
        return patient

    async def ask(
        self, path: str, method: str = "GET", json: object = None, **headers: str
    ) -> Reply:
        """The last answer; what said that the same is to be sent again was obeyed.

        Raises:
            TimeoutError: there was none within `PATIENCE_SECONDS`.
        """
        hosts = self._hosts
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                pause = _PAUSE_SECONDS * hosts.chance.uniform(0.5, 1.5)
                try:
                    reply = await ask(
                        self._client,
                        hosts.any(),
                        path,
                        self.bearer,
                        method=method,
                        json=json,
                        headers=headers,
                    )
                except aiohttp.ClientError:
                    hosts.answers["no host"] += 1
                else:
                    hosts.answers[str(reply.status)] += 1
                    if not hosts.loses_answer():
                        wait = _told_to_wait(reply, pause)
                        if wait is None:
                            return reply
                        pause = wait
                await asyncio.sleep(pause)


def _told_to_wait(reply: Reply, pause: float) -> float | None:
    """Seconds until the same is to be sent again; None where the answer is the last."""
    if reply.status in _COME_AGAIN:
        return float(reply.headers["Retry-After"])
    if reply.status == HTTPStatus.CONFLICT and reply.json["code"] in _TRY_AGAIN:
        return pause
    return None
